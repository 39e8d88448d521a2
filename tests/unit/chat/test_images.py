"""What is believed of a document with images, and what may be asked for."""

import asyncio
import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from apps.chat import errors
from apps.chat.contracts import ModelKind, PictureType
from apps.chat.engine import documents, images
from apps.chat.engine.dialects import Dialect
from apps.chat.engine.upstream_errors import Complaint, UpstreamError
from apps.chat.engine.ways import Way
from apps.chat.rules.images import read_images, written_as
from apps.chat.rules.pictures import MAX_MADE_BYTES
from tests.integration.chat.conftest import job
from tests.integration.chat.drawn import bomb, drawn

PNG = drawn()
IN_BASE64 = base64.b64encode(PNG).decode()


def read(said: Any) -> images.Document:
    return images.read_document(said if isinstance(said, bytes) else json.dumps(said).encode())


def test_an_image_is_bytes_or_an_address() -> None:
    said = read(
        {
            "created": 1,
            "data": [
                {"b64_json": IN_BASE64, "revised_prompt": "hills\x00"},
                {"url": "https://pictures.example/a.png"},
                {"url": f"data:image/png;base64,{IN_BASE64}"},
                {"url": "https://pictures.example/b.png", "b64_json": None},
                "nothing",
            ],
            "usage": {"input_tokens": 7, "output_tokens": 272, "total_tokens": 279},
        }
    )

    assert [(each.content, each.url, each.revised_prompt) for each in said.images] == [
        (PNG, "", "hills"),
        (None, "https://pictures.example/a.png", ""),
        (PNG, "", ""),
        (None, "https://pictures.example/b.png", ""),
    ]
    assert (said.usage.prompt_tokens, said.usage.completion_tokens) == (7, 272)


@pytest.mark.parametrize("entry", [{"b64_json": IN_BASE64}, {"url": f"data:image/png;base64,{IN_BASE64}"}])
def test_slashes_may_be_escaped(entry: dict[str, Any]) -> None:
    escaped = json.dumps({"data": [entry]}).replace("/", "\\/").encode()

    assert images.read_document(escaped).images[0].content == PNG


SPOKEN_BYTES = bytes(range(256)) * 3
OF_THEM = base64.b64encode(SPOKEN_BYTES).decode()


@pytest.mark.parametrize("name", ["b64_json", "url"])
@pytest.mark.parametrize(
    "said",
    [
        f" {OF_THEM}\n",
        base64.encodebytes(SPOKEN_BYTES).decode(),
        base64.encodebytes(SPOKEN_BYTES).decode().replace("\n", "\r\n\t"),
        base64.urlsafe_b64encode(SPOKEN_BYTES).decode(),
        base64.urlsafe_b64encode(SPOKEN_BYTES + b"1").decode().rstrip("="),
        OF_THEM.replace("+", "\\u002B").replace("/", "\\/"),
    ],
    ids=["blanks", "lines", "lines of others", "for addresses", "without its last signs", "escaped"],
)
def test_base64_is_taken_as_it_is_written(said: str, name: str) -> None:
    begins = "data:image/png;base64," if name == "url" else ""
    escaped = said if "\\u002B" in said else json.dumps(said)[1:-1]

    for head in {begins, "data:image/PNG;base64,", " \\ndata:image\\/webp;base64,"}:
        (image,) = read(f'{{"data":[{{"{name}": "{head}{escaped}"}}]}}'.encode()).images
        assert image.content is not None
        assert image.content.removesuffix(b"1") == SPOKEN_BYTES


def test_base64_of_line_ends_is_looked_at_no_longer_than_an_image_of_them() -> None:
    ends = "\\n" * MAX_MADE_BYTES * 2

    (image,) = read(f'{{"data":[{{"b64_json": "A{ends}{IN_BASE64[1:]}"}}]}}'.encode()).images

    assert image.content is None


@pytest.mark.parametrize("word", ["data:image/", f"data:image/png;base64,{IN_BASE64}"])
@pytest.mark.parametrize("filling", ["[],", '{"a":0},', '{"b64_json":0},'])
def test_what_is_beside_images_is_short_whatever_it_says(
    filling: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "read", lambda *given: pytest.fail("it was read"))
    with pytest.raises(UpstreamError) as refused:
        read(f'{{"url":"{word}","data":[{filling * 500_000}0]}}'.encode())

    assert refused.value.code == "upstream_garbled"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"", "upstream_garbled"),
        (b"<html>", "upstream_garbled"),
        (b"[]", "upstream_garbled"),
        (b"17", "upstream_garbled"),
        ({"data": {}}, "upstream_garbled"),
        ({"data": "https://pictures.example"}, "upstream_garbled"),
        ({"data": []}, "empty_answer"),
        ({"data": [None, 5]}, "empty_answer"),
        ({"created": 1}, "upstream_failed"),
        ({"error": {"code": "moderation_blocked"}}, "content_refused"),
        ({"error": {"code": "1301"}}, "content_refused"),
        ({"data": [], "content_filter": [{"role": "assistant", "level": 0}]}, "content_refused"),
        ({"data": [{"url": "x" * 2_000_000}]}, "upstream_garbled"),
    ],
)
def test_what_has_no_images_is_an_error(said: Any, code: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        read(said)

    assert caught.value.code == code


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"b64_json": "no base64!"},
        {"b64_json": ""},
        {"b64_json": "A" * (MAX_MADE_BYTES * 2)},
        {"b64_json": 0},
        {"b64_json": True},
        {"b64_json": [IN_BASE64]},
        {"b64_json": base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'/>").decode()},
        {"b64_json": base64.b64encode(b"<!doctype html>").decode()},
        {"b64_json": base64.b64encode(bomb(side=30_000)).decode()},
        {"b64_json": base64.b64encode(bomb(side=4_104)).decode()},
        {"b64_json": base64.b64encode(PNG[:-30]).decode()},
        {"url": ""},
        {"url": 5},
        {"url": "http://127.0.0.1:9/a.png"},
        {"url": "https://127.0.0.1/a.png"},
        {"url": "https://169.254.169.254/latest/meta-data"},
        {"url": "https://[::1]/a.png"},
        {"url": "https://2130706433/a.png"},
        {"url": "http://pictures.example/a.png"},
        {"url": "file:///etc/passwd"},
        {"url": "data:image/png;base64,no base64!"},
        {"url": "data:text/html;base64,PGh0bWw+"},
    ],
    ids=lambda entry: str(entry)[:60],
)
def test_what_is_no_image_is_left_out_and_others_are_kept(entry: dict[str, Any]) -> None:
    async def all_read() -> Any:
        asked = replace(job("https://models.example/v1"), kind=ModelKind.IMAGE, images=2)
        document = json.dumps({"data": [entry, {"b64_json": IN_BASE64}]}).encode()
        return await images.read(Spoken(document), asked)  # type: ignore[arg-type]  # all that is asked of a reading

    said = asyncio.run(all_read())

    assert [(each.width, each.height, each.media_type) for each in said.pictures] == [(40, 20, PictureType.PNG)]
    assert said.finish_reason == "stop"


class Spoken:
    """A body that is there already."""

    def __init__(self, body: bytes) -> None:
        self._chunks = [body[:100], body[100:], b""]
        self.ends_by = asyncio.get_running_loop().time() + 60

    async def chunk(self) -> bytes:
        return self._chunks.pop(0)

    def has_words(self) -> None:
        pass


def test_more_than_asked_are_nobodys() -> None:
    async def all_read() -> Any:
        asked = replace(job("https://models.example/v1"), kind=ModelKind.IMAGE, images=1)
        document = json.dumps({"data": [{"b64_json": IN_BASE64}] * 5}).encode()
        return await images.read(Spoken(document), asked)  # type: ignore[arg-type]  # all that is asked of a reading

    assert len(asyncio.run(all_read()).pictures) == 1


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        (None, (None, None, False)),
        ({}, (None, None, False)),
        ({"input_tokens": 3, "output_tokens": 4}, (3, 4, False)),
        ({"input_tokens": "3", "output_tokens": 4}, (None, None, True)),
        ({"input_tokens": True, "output_tokens": 4}, (None, None, True)),
        ({"output_tokens": 4}, (None, None, True)),
        ([], (None, None, False)),
    ],
)
def test_tokens_are_whole_numbers_or_none(usage: Any, told: tuple[int | None, int | None, bool]) -> None:
    said = read({"data": [{"b64_json": IN_BASE64}], "usage": usage}).usage

    assert (said.prompt_tokens, said.completion_tokens, said.usage_is_garbled) == told


def test_a_question_says_what_was_asked_and_as_it_is_taken() -> None:
    asked = replace(
        job("https://models.example/v1", "hills"),
        kind=ModelKind.IMAGE,
        images=3,
        image_size="1024x1024",
        image_quality="hd",
        options={"style": "vivid", "output_format": "jpeg"},
    )
    whole = {"model": "up-base", "prompt": "hills", "size": "1024x1024", "quality": "hd"}

    def body(way: Way) -> dict[str, Any]:
        return images.question(asked, asked.targets[0], way, Dialect())

    assert body(Way()) == {**whole, "n": 3, "response_format": "b64_json", "style": "vivid"}
    unknown = Complaint(code="unknown_parameter", param="style", refuses_response_format=True)
    way = Way().after_drawing(unknown, {}).after_drawing(Complaint(param="n"), {})
    assert body(way) == whole


def test_how_it_is_written_is_ours_to_choose() -> None:
    assert written_as({}) is None
    assert written_as({"output_format": "jpeg"}) is PictureType.JPEG


@pytest.mark.parametrize("name", ["background", "moderation", "stream", "partial_images", "output_compression"])
def test_what_changes_nothing_may_be_said(name: str) -> None:
    harmless = {"background": "opaque", "moderation": "auto", "stream": False, "partial_images": 0}
    body = {"model": "m", "prompt": "p", name: harmless.get(name, 100)}

    assert read_images(body).number == 1
    with pytest.raises(errors.ParameterNotOffered):
        read_images({**body, name: "something else"})


def test_auto_leaves_it_to_the_model() -> None:
    asked = read_images({"model": "m", "prompt": "p", "size": "auto", "quality": "auto", "n": None, "style": None})

    assert (asked.size, asked.quality, asked.number, dict(asked.options), asked.wants_links) == ("", "", 1, {}, False)


def test_a_prompt_is_in_no_log() -> None:
    assert "secret" not in repr(read_images({"model": "m", "prompt": "a secret"}))
