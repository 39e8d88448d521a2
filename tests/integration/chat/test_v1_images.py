"""POST /v1/images/generations with the official client, unmodified, over the engine to the sandbox's painter."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import httpx2
import openai
import pytest
from django.conf import LazySettings, settings
from django.test import Client
from openai import OpenAI
from PIL import Image

from apps.accounts.contracts import Member
from apps.chat import errors, services
from apps.chat.contracts import PerImage
from apps.chat.imaging.cleaning import clean
from apps.chat.models import AnswerUsage, Attempt, Generation, Picture
from apps.kernel import clock
from apps.sandbox.engine import drawings, images
from tests.integration.chat.conftest import EngineThread, be_impatient, make_model
from tests.integration.chat.test_abandoned import assert_audit_is_clean
from tests.integration.chat.test_v1_embeddings import PRICE as BY_TOKEN
from tests.integration.chat.test_v1_embeddings import paid
from tests.integration.chat.test_v1_models import bearer, error_of, key_of

pytestmark = pytest.mark.django_db(transaction=True)

PRICE = PerImage(image_milli=700)
PROMPT = "hills of Anhui"
ZHIPU, USUAL = "/sandbox/llm/api/paas/v4", "/sandbox/llm/v1"


@pytest.fixture
def client(site: str, rich_alice: Member) -> Iterator[OpenAI]:
    """The official client with a key of Alice's."""
    with OpenAI(base_url=f"{site}/v1", api_key=key_of(rich_alice), max_retries=0) as made:
        yield made


def serve(
    site: str, upstream: str = images.MODEL, *, channel: str = "test", kind: str = "sandbox", path: str = USUAL
) -> None:
    """The model "painter", which is the sandbox's of this name; further channels are asked behind the first."""
    if channel == "test":
        make_model("painter", kind="image", price=PRICE, upstream=upstream)
    services.save_channel(
        code=channel, kind=kind, base_url=f"{site}{path}", api_key=settings.SANDBOX["MODEL_API_KEY"], now=clock.now()
    )
    if channel != "test":
        services.save_route(
            model_code="painter", channel_code=channel, upstream_name=upstream, priority=2, now=clock.now()
        )


@pytest.fixture
def own_models(site: str, settings: LazySettings) -> None:
    """The site knows its own model server, as the embedded set-up does."""
    settings.OWN_MODELS_URL = f"{site}{USUAL}"


def expected(number: int = 0, size: tuple[int, int] = (256, 256)) -> bytes:
    """What can be seen of the sandbox's picture of this number, once it is marked: its pixels."""
    made = clean(drawings.draw(drawings.seed_of(PROMPT, number), size), is_made=True)
    return pixels(made.content)


def pixels(content: bytes) -> bytes:
    with Image.open(BytesIO(content)) as image:
        return image.convert("RGB").tobytes()


def contents(said: Any) -> list[bytes]:
    return [base64.b64decode(each.b64_json) for each in said.data]


def test_a_model_draws(client: OpenAI, site: str, rich_alice: Member, engine: EngineThread) -> None:
    serve(site)

    said = client.images.with_raw_response.generate(model="painter", prompt=PROMPT, n=2, size="256x256", quality="low")

    told: Any = said.parse()
    assert [pixels(content) for content in contents(told)] == [expected(0), expected(1)]
    assert all(services.verify_label(content=content).is_ours for content in contents(told))
    assert all(each.revised_prompt == f"Hills under a wide sky, as for: {PROMPT}" for each in told.data)
    assert (told.size, told.quality, told.output_format, told.background) == ("256x256", "low", "png", "opaque")
    assert (told.usage.input_tokens, told.usage.output_tokens, told.usage.total_tokens) == (4, 544, 548)
    assert said.headers["x-request-id"].startswith("req_")
    row = Generation.objects.get()
    assert (row.images, row.image_size, row.image_quality) == (2, "256x256", "low")
    assert (row.held_milli, row.charged_milli, row.state, row.is_delivered) == (1400, 1400, "finished", True)
    usage = AnswerUsage.objects.get()
    assert (usage.images, usage.charged_milli, usage.basis) == (2, 1400, "reported")
    assert paid(rich_alice) == (1400, 0)
    kept = Picture.objects.order_by("number")
    assert [(each.number, each.is_made, each.generation_id) for each in kept] == [(0, True, row.pk), (1, True, row.pk)]
    assert_audit_is_clean()


def test_cogview_draws_one_at_a_time_and_says_where_it_lies(
    client: OpenAI, site: str, rich_alice: Member, engine: EngineThread, own_models: None
) -> None:
    serve(site, kind="zhipu", path=ZHIPU)

    said = client.images.generate(model="painter", prompt=PROMPT, n=3, size="1344x768")

    assert [pixels(content) for content in contents(said)] == [expected(0, (1344, 768))] * 3
    assert (said.size, said.usage) == ("1344x768", None)
    assert paid(rich_alice) == (2100, 0)
    assert_audit_is_clean()


def test_links_are_good_for_whoever_has_them_and_for_an_hour(
    client: OpenAI, site: str, rich_alice: Member, engine: EngineThread
) -> None:
    serve(site)

    said = client.images.generate(model="painter", prompt=PROMPT, size="256x256", response_format="url")

    (one,) = said.data or []
    assert (one.b64_json, one.url and one.url.startswith(f"{site}/v1/images/")) == (None, True)
    seen = httpx2.get(str(one.url))
    assert pixels(seen.content) == expected()
    assert (seen.headers["content-type"], seen.headers["cache-control"][:16]) == ("image/png", "private, max-age")
    assert seen.headers["x-content-type-options"] == "nosniff"
    address, _, signature = str(one.url).rpartition("/")
    head, _, until = address.rpartition("/")
    for forged in (f"{address}/{'0' * 64}", f"{head}/{int(until) + 1}/{signature}", f"{address}/é"):
        assert httpx2.get(forged).status_code == 404
    picture = Picture.objects.get()
    with pytest.raises(errors.PictureNotFound):
        services.read_linked_picture(
            picture_id=picture.pk,
            until=int(until),
            signature=signature,
            now=datetime.fromtimestamp(int(until) + 1, UTC),
        )
    services.discard_picture(user_id=rich_alice.id, picture_id=picture.pk, now=clock.now())
    assert httpx2.get(str(one.url)).status_code == 404


def test_a_link_is_asked_about_and_shown_by_browsers_no_longer_than_it_is_good(
    client: OpenAI, site: str, engine: EngineThread
) -> None:
    serve(site)
    client.images.generate(model="painter", prompt=PROMPT, size="256x256")
    picture = Picture.objects.get()
    until, signature = services.picture_link(picture_id=picture.pk, now=clock.now() - timedelta(minutes=50))
    link = f"{site}/v1/images/{picture.pk}/{until}/{signature}"

    seen, asked = httpx2.get(link), httpx2.head(link)

    said, _, age = seen.headers["cache-control"].partition("=")
    assert said == "private, max-age"
    assert 0 < int(age) <= 600
    assert (asked.status_code, asked.content) == (200, b"")
    for name in ("content-type", "content-length", "content-disposition", "x-content-type-options"):
        assert asked.headers[name] == seen.headers[name]
    assert httpx2.head(f"{link}0").status_code == 404


NOTHING = {
    "images-filtered": (400, "content_policy_violation"),
    "images-garbage": (502, "upstream_garbled"),
    "images-page": (502, "upstream_garbled"),
    "images-svg": (502, "upstream_garbled"),
    "images-bomb": (502, "upstream_garbled"),
    "images-huge": (502, "upstream_garbled"),
    "images-elsewhere": (502, "upstream_garbled"),
    "images-redirect": (502, "upstream_garbled"),
    "images-few": (502, "empty_answer"),
    "500": (502, "upstream_failed"),
    "502-html": (502, "upstream_failed"),
    "429": (503, "upstream_busy"),
    "401": (502, "upstream_key_refused"),
    "402": (502, "upstream_arrears"),
    "400-1301": (400, "content_policy_violation"),
    "redirect": (502, "upstream_refused"),
    "json-error": (502, "upstream_failed"),
    "hang": (502, "upstream_timeout"),
    "drop-mid": (502, "upstream_unreachable"),
    "eof-no-done": (502, "upstream_garbled"),
    "gzip": (502, "upstream_garbled"),
}


@pytest.mark.usefixtures("engine", "own_models")
@pytest.mark.parametrize("fault", NOTHING)
def test_what_is_no_image_costs_nothing(
    fault: str, client: OpenAI, site: str, rich_alice: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_impatient(monkeypatch, first_word_seconds=2.0, silence_seconds=2.0)
    serve(site, f"fault-{fault}")

    with pytest.raises(openai.APIStatusError) as caught:
        client.images.generate(model="painter", prompt=PROMPT, size="256x256")

    error: Any = caught.value.body
    assert (caught.value.status_code, error["code"]) == NOTHING[fault]
    assert error["param"] == ("prompt" if caught.value.status_code == 400 else None)
    row = Generation.objects.get()
    assert (row.state, row.is_delivered, row.charged_milli) == ("failed", False, 0)
    assert paid(rich_alice) == (0, 0)
    assert Picture.objects.count() == 0
    assert_audit_is_clean()


@pytest.mark.parametrize("fault", ["images-garbage", "images-elsewhere", "500", "drop-mid"])
def test_another_channel_is_asked_where_the_first_has_none(
    fault: str, client: OpenAI, site: str, rich_alice: Member, engine: EngineThread
) -> None:
    serve(site, f"fault-{fault}")
    serve(site, channel="second")

    said = client.images.generate(model="painter", prompt=PROMPT, size="256x256")

    assert [pixels(content) for content in contents(said)] == [expected()]
    assert list(Attempt.objects.order_by("number").values_list("route__channel__code", flat=True)) == ["test", "second"]
    assert paid(rich_alice) == (700, 0)
    assert_audit_is_clean()


def test_fewer_than_asked_are_delivered_and_paid(
    client: OpenAI, site: str, rich_alice: Member, engine: EngineThread
) -> None:
    serve(site, "fault-images-few")

    said = client.images.generate(model="painter", prompt=PROMPT, n=3, size="256x256")

    assert len(contents(said)) == 2
    row = Generation.objects.get()
    assert (row.images, row.held_milli, row.charged_milli) == (3, 2100, 1400)
    assert paid(rich_alice) == (1400, 0)
    assert_audit_is_clean()


def test_an_image_is_written_as_it_is_asked_for(client: OpenAI, site: str, engine: EngineThread) -> None:
    serve(site)

    said = client.images.generate(model="painter", prompt=PROMPT, size="256x256", output_format="jpeg")

    (content,) = contents(said)
    assert (content[:2], said.output_format) == (b"\xff\xd8", "jpeg")
    assert services.verify_label(content=content).is_ours


REFUSED: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "no model": ({"model": None}, "missing_required_parameter", "model"),
    "no prompt": ({"prompt": None}, "missing_required_parameter", "prompt"),
    "an empty prompt": ({"prompt": " "}, "invalid_value", "prompt"),
    "a list of prompts": ({"prompt": ["a"]}, "invalid_value", "prompt"),
    "a prompt with NUL": ({"prompt": "a\0b"}, "invalid_value", "prompt"),
    "a long prompt": ({"prompt": "a" * 32_001}, "context_length_exceeded", "prompt"),
    "a prompt that no model reads": ({"prompt": "天" * 17_000}, "context_length_exceeded", "prompt"),
    "a hundred": ({"n": 100}, "invalid_value", "n"),
    "none": ({"n": 0}, "invalid_value", "n"),
    "true of them": ({"n": True}, "invalid_value", "n"),
    "some": ({"n": "2"}, "invalid_value", "n"),
    "an odd size": ({"size": "1000000x1000000"}, "invalid_value", "size"),
    "a size in numbers": ({"size": [1024, 1024]}, "invalid_value", "size"),
    "an odd quality": ({"quality": "best"}, "invalid_value", "quality"),
    "an odd style": ({"style": "noir"}, "invalid_value", "style"),
    "an odd answer": ({"response_format": "bytes"}, "invalid_value", "response_format"),
    "WebP": ({"output_format": "webp"}, "unsupported_parameter", "output_format"),
    "another format": ({"output_format": "svg"}, "invalid_value", "output_format"),
    "no background": ({"background": "transparent"}, "unsupported_parameter", "background"),
    "less moderation": ({"moderation": "low"}, "unsupported_parameter", "moderation"),
    "a stream": ({"stream": True}, "unsupported_parameter", "stream"),
    "partial images": ({"partial_images": 2}, "unsupported_parameter", "partial_images"),
    "compression": ({"output_compression": 50}, "unsupported_parameter", "output_compression"),
    "a user of no name": ({"user": 5}, "invalid_value", "user"),
    "an unknown name": ({"seed": 5}, "unknown_parameter", "seed"),
    "a model of texts": ({"model": "writer"}, "model_draws_nothing", "model"),
    "a model of embeddings": ({"model": "index"}, "model_draws_nothing", "model"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_drawn_is_refused(case: str, rich_alice: Member, visitor: Client) -> None:
    make_model("painter", kind="image", price=PRICE)
    make_model("writer")
    make_model("index", kind="embedding", price=BY_TOKEN)
    said, code, param = REFUSED[case]
    body = {"model": "painter", "prompt": PROMPT, **said}

    response = visitor.post(
        "/v1/images/generations", body, content_type="application/json", headers=bearer(key_of(rich_alice))
    )

    error = error_of(response)
    assert (response.status_code, error["code"], error["param"]) == (400, code, param)
    assert error["type"] == "invalid_request_error"
    assert Generation.objects.count() == 0
    assert paid(rich_alice) == (0, 0)
