"""Pictures in requests of OpenAI's clients: what reaches a model that sees, what is refused, and what is left of it."""

import base64
import json
from io import BytesIO
from typing import Any

import httpx2
import pytest
from openai import BadRequestError, OpenAI
from PIL import Image

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.models import Generation, Picture
from apps.kernel import clock
from tests.integration.chat.conftest import EngineThread, make_model
from tests.integration.chat.drawn import bomb, drawn
from tests.integration.chat.test_abandoned import assert_audit_is_clean
from tests.integration.chat.test_v1_completions import client, paid, wait_until_settled
from tests.integration.chat.test_v1_models import key_of
from tests.integration.chat.upstream import Upstream, answer

__all__ = ["client"]

pytestmark = pytest.mark.django_db(transaction=True)

SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"


def uri(content: bytes, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def shows(*urls: str, **more: str) -> Any:
    """A question with a word and these pictures."""
    images = [{"type": "image_url", "image_url": {"url": url, **more}} for url in urls]
    return [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, *images]}]


@pytest.fixture
def seeing(upstream: Upstream) -> Upstream:
    """The provider, whose model sees."""
    make_model(url=upstream.url, has_vision=True)
    upstream.scripts["up-base"] = answer("A picture.")
    return upstream


def test_a_model_that_sees_is_sent_the_picture_drawn_anew(
    client: OpenAI, rich_alice: Member, seeing: Upstream, engine: EngineThread
) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Camera of Alice"
    sent = drawn("JPEG", size=(600, 300), exif=exif)

    said = client.chat.completions.create(model="base", messages=shows(uri(sent, "image/jpeg"), detail="low"))

    assert said.choices[0].message.content == "A picture."
    (message,) = seeing.requests[-1]["messages"]
    text, image = message["content"]
    assert text == {"type": "text", "text": "What is it?"}
    assert image["image_url"]["detail"] == "low"
    head, _, data = image["image_url"]["url"].partition(",")
    content = base64.b64decode(data)
    with Image.open(BytesIO(content)) as seen:
        assert (head, seen.size) == ("data:image/jpeg;base64", (600, 300))
    assert b"Alice" not in content
    # Kept with its generation, whose request names it and holds none of it; counted as OpenAI does.
    row, picture = wait_until_settled(), Picture.objects.get()
    request: Any = row.request
    part = request[0]["parts"][1]
    assert part == {"type": "image", "picture": str(picture.pk), "tokens": 85, "detail": "low"}
    assert (picture.generation_id, picture.message_id, picture.user_id) == (row.pk, None, rich_alice.id)
    assert row.asked_tokens >= 85
    assert services.purge_pictures(now=clock.now()) == 1
    assert_audit_is_clean()


def test_the_stream_sees_as_well_and_several_answers_share_the_picture(
    client: OpenAI, seeing: Upstream, engine: EngineThread
) -> None:
    stream = client.chat.completions.create(model="base", messages=shows(uri(drawn())), n=2, stream=True)

    assert "A picture." in "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert Picture.objects.count() == 1
    assert [len(asked["messages"][0]["content"]) for asked in seeing.requests[-2:]] == [2, 2]


BAD: dict[str, tuple[list[str], str, str]] = {
    "svg": ([uri(SVG, "image/svg+xml")], "picture_not_understood", "messages.0.content.1"),
    "a bomb": ([uri(bomb())], "picture_too_large", "messages.0.content.1"),
    "wide": ([uri(drawn(size=(20_000, 1)))], "picture_too_large", "messages.0.content.1"),
    "cut": ([uri(drawn()[:-30])], "picture_not_understood", "messages.0.content.1"),
    "no base64": (["data:image/png;base64,%%%"], "picture_not_understood", "messages.0.content.1"),
    "no data": (["data:image/png"], "picture_not_understood", "messages.0.content.1"),
    "much base64": (["data:image/png;base64," + "A" * 10_000_000], "picture_not_understood", "messages.0.content.1"),
    "more base64": (["data:image/png;base64," + "A" * 11_500_000], "picture_too_large", "messages.0.content.1"),
    "an address": (["https://example.com/a.png"], "unsupported_parameter", "messages.0.content.1"),
    "a file": (["file:///etc/passwd"], "unsupported_parameter", "messages.0.content.1"),
    "one good, one bad": ([uri(drawn()), uri(SVG)], "picture_not_understood", "messages.0.content.2"),
    "too many": ([uri(drawn(size=(2, 2)))] * 19 + [uri(drawn(size=(2, 2)))] * 2, "too_many_pictures", "messages"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_picture_is_refused_and_nothing_is_charged_or_kept(
    client: OpenAI, rich_alice: Member, seeing: Upstream, case: str
) -> None:
    urls, code, param = BAD[case]
    messages = shows(*urls) if case != "too many" else [*shows(*urls[:11]), *_answered(), *shows(*urls[11:])]

    with pytest.raises(BadRequestError) as refused:
        client.chat.completions.create(model="base", messages=messages)

    assert (refused.value.code, refused.value.param or "") == (code, param)
    assert not Generation.objects.exists()
    assert not Picture.objects.exists()
    assert paid(rich_alice) == 0


def _answered() -> Any:
    return [{"role": "assistant", "content": "I see."}]


def test_a_model_that_reads_only_text_says_so(client: OpenAI, rich_alice: Member, upstream: Upstream) -> None:
    with pytest.raises(BadRequestError) as refused:
        client.chat.completions.create(model="base", messages=shows(uri(drawn())))

    assert (refused.value.code, refused.value.param) == ("unsupported_value", "messages.0.content.1")
    assert not Picture.objects.exists()
    assert paid(rich_alice) == 0


@pytest.mark.parametrize("role", ["system", "assistant"])
def test_only_users_show_pictures(client: OpenAI, seeing: Upstream, role: str) -> None:
    (shown,) = shows(uri(drawn()))
    messages: Any = [{**shown, "role": role}, {"role": "user", "content": "hello"}]

    with pytest.raises(BadRequestError) as refused:
        client.chat.completions.create(model="base", messages=messages)

    assert refused.value.code == "unsupported_parameter"


def test_a_body_is_longer_only_at_its_address_and_for_who_says_who_they_are(site: str, alice: Member) -> None:
    body = json.dumps({"model": "base", "messages": [], "user": "x" * 3_000_000})
    for path, key, status in (
        ("/v1/chat/completions", key_of(alice), 400),
        ("/v1/chat/completions", "", 413),
        ("/v1/responses", key_of(alice), 400),
        ("/v1/responses", "", 413),
        ("/v1/models", key_of(alice), 413),
    ):
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        answer = httpx2.post(site + path, content=body, headers=headers)
        assert (answer.status_code, "error" in answer.json()) == (status, True)
