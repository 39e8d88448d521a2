"""What of an answer with embeddings is believed."""

import base64
import json
import math
import struct
from typing import Any

import pytest

from apps.chat.contracts import Reported
from apps.chat.engine import vectors
from apps.chat.engine.upstream_errors import UpstreamError

TWO = [[0.5, -1.25], [1e-3, 3]]


def entry(index: Any, embedding: Any) -> dict[str, Any]:
    return {"object": "embedding", "index": index, "embedding": embedding}


def document(data: Any, **more: Any) -> bytes:
    return json.dumps({"object": "list", "data": data, "model": "m", **more}).encode()


def packed(vector: list[float]) -> bytes:
    return struct.pack(f"<{len(vector)}f", *vector)


def in_base64(vector: list[float]) -> str:
    return base64.b64encode(packed(vector)).decode()


@pytest.mark.parametrize("said", [lambda vector: vector, in_base64], ids=["figures", "base64"])
@pytest.mark.parametrize("order", [1, -1])
def test_vectors_stand_where_their_numbers_say(said: Any, order: int) -> None:
    data = [entry(index, said(vector)) for index, vector in enumerate(TWO)][::order]

    told = vectors.read_document(document(data, usage={"prompt_tokens": 8}), asked=2, dimensions=None)

    assert told.outputs == tuple(map(packed, TWO))
    assert told.reported == Reported(input_tokens=8, output_tokens=0)
    assert told.finish_reason == "stop"


@pytest.mark.parametrize(
    ("usage", "reported"),
    [
        (None, Reported()),
        ({}, Reported()),
        ([8], Reported()),
        ({"prompt_tokens": -8}, Reported(input_tokens=-8, output_tokens=0)),
        ({"prompt_tokens": "8"}, Reported(is_garbled=True)),
        ({"prompt_tokens": True}, Reported(is_garbled=True)),
    ],
)
def test_usage_is_handed_on_to_be_weighed(usage: Any, reported: Reported) -> None:
    told = vectors.read_document(document([entry(0, [1.0])], usage=usage), asked=1, dimensions=None)

    assert told.reported == reported


GARBLED = {
    "nothing": b"",
    "no JSON": b"{",
    "no object": b"[]",
    "no list": document({"0": entry(0, [1.0])}),
    "one too few": document([entry(0, [1.0])]),
    "one too many": document([entry(0, [1.0]), entry(1, [1.0]), entry(2, [1.0])]),
    "one twice": document([entry(0, [1.0]), entry(0, [1.0])]),
    "no number": document([entry(None, [1.0]), entry(1, [1.0])]),
    "a text as number": document([entry("0", [1.0]), entry(1, [1.0])]),
    "true as number": document([entry(0, [1.0]), entry(True, [1.0])]),
    "a number below": document([entry(-1, [1.0]), entry(1, [1.0])]),
    "a number beyond": document([entry(2, [1.0]), entry(1, [1.0])]),
    "no entry": document([7, entry(1, [1.0])]),
    "no vector": document([{"index": 0}, entry(1, [1.0])]),
    "the place of one": document([entry(0, 1), entry(1, [1.0])]),
    "of other lengths": document([entry(0, [1.0]), entry(1, [1.0, 2.0])]),
    "empty": document([entry(0, []), entry(1, [])]),
    "not a number": document([entry(0, [math.nan]), entry(1, [1.0])]),
    "infinite": document([entry(0, [1.0]), entry(1, [-math.inf])]),
    "beyond a float32": document([entry(0, [1e39]), entry(1, [1.0])]),
    "beyond a float": document([entry(0, [10**400]), entry(1, [1.0])]),
    "texts": document([entry(0, ["1.0"]), entry(1, [1.0])]),
    "null": document([entry(0, [None]), entry(1, [1.0])]),
    "lists": document([entry(0, [[1.0]]), entry(1, [1.0])]),
    "an object": document([entry(0, {"0": 1.0}), entry(1, [1.0])]),
    "no base64": document([entry(0, "so!"), entry(1, [1.0])]),
    "base64 of part of a number": document([entry(0, "AAAA"), entry(1, [1.0])]),
    "base64 of no number": document([entry(0, in_base64([math.nan])), entry(1, [1.0])]),
    "base64 of nothing": document([entry(0, ""), entry(1, "")]),
    "too long": document([entry(0, [0] * 8_193), entry(1, [0] * 8_193)]),
    "more around than there is to say": document([entry(0, [1.0]), entry(1, [1.0])], more="x" * 1_100_000),
}


@pytest.mark.parametrize("said", GARBLED.values(), ids=GARBLED)
def test_anything_else_is_garbled(said: bytes) -> None:
    with pytest.raises(UpstreamError, match="upstream_garbled"):
        vectors.read_document(said, asked=2, dimensions=None)


def test_vectors_are_as_long_as_they_were_asked_to_be() -> None:
    said = document([entry(0, [1.0, 2.0])])

    assert vectors.read_document(said, asked=1, dimensions=2).outputs == (packed([1.0, 2.0]),)
    with pytest.raises(UpstreamError, match="upstream_garbled"):
        vectors.read_document(said, asked=1, dimensions=3)


def test_no_more_numbers_are_kept_than_there_is_room_for() -> None:
    said = document([entry(index, [0] * 8_192) for index in range(513)])

    with pytest.raises(UpstreamError, match="upstream_garbled"):
        vectors.read_document(said, asked=513, dimensions=None)


def test_an_error_behind_a_200_is_the_error_that_it_is() -> None:
    said = json.dumps({"error": {"code": "insufficient_quota", "message": "no"}}).encode()

    with pytest.raises(UpstreamError, match="upstream_arrears"):
        vectors.read_document(said, asked=1, dimensions=None)


@pytest.mark.parametrize("beginning", [b'"embedding":[', b'"embedding":[1,', b'"embedding":"', b'"embedding"   :'])
def test_lists_without_an_end_are_walked_through_once(beginning: bytes) -> None:
    """From each beginning again it would be hours; the suite's limit is minutes."""
    with pytest.raises(UpstreamError) as refused:
        vectors.read_document(beginning * 400_000, asked=2, dimensions=None)

    assert refused.value.code == "upstream_garbled"
