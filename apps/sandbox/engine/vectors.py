"""Embeddings of the demo model: vectors that depend on the text alone, near each other where texts share words.

Each token adds to places that its hash names; a vector is as long as it was asked to be, and of length one.
"""

import base64
import hashlib
import json
import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from apps.sandbox.engine import tokens
from apps.sandbox.engine.completions import NotValid

MODEL = "demo-vectors"
_DIMENSIONS, _MOST_DIMENSIONS = 64, 1024
_MOST_INPUTS = 2048
_PLACES_PER_TOKEN = 8


@dataclass(frozen=True, kw_only=True)
class EmbeddingRequest:
    """A checked request."""

    model: str
    texts: list[str]
    dimensions: int
    is_base64: bool


def read(body: Any) -> EmbeddingRequest:
    """Check a request's shape; raises NotValid."""
    if not isinstance(body, dict):
        raise NotValid("the body must be a JSON object")
    said = body.get("input")
    texts = [said] if isinstance(said, str) else said
    if not isinstance(texts, list) or not 1 <= len(texts) <= _MOST_INPUTS:
        raise NotValid("input must be a text or a list of texts")
    if not all(isinstance(text, str) and text for text in texts):
        raise NotValid("every input must be a text that is not empty")
    dimensions = body.get("dimensions", _DIMENSIONS)
    if not isinstance(dimensions, int) or not 1 <= dimensions <= _MOST_DIMENSIONS:
        raise NotValid(f"dimensions must be a number up to {_MOST_DIMENSIONS}")
    return EmbeddingRequest(
        model=str(body.get("model", "")),
        texts=texts,
        dimensions=dimensions,
        is_base64=body.get("encoding_format") == "base64",
    )


def answer(asked: EmbeddingRequest) -> dict[str, Any]:
    """The whole answer, with the fault of the model's name, if it is one of these."""
    vectors: list[Any] = [_vector(text, asked.dimensions) for text in asked.texts]
    if asked.model in _OF_A_VECTOR:
        vectors[-1] = _OF_A_VECTOR[asked.model](vectors[-1])
    said = [_in_base64(vector) if asked.is_base64 and _is_sound(vector) else vector for vector in vectors]
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(said)]
    if asked.model in _OF_ALL:
        data = _OF_ALL[asked.model](data)
    counted = sum(len(tokens.split(text)) for text in asked.texts)
    usage = {"prompt_tokens": counted, "total_tokens": counted}
    answered: dict[str, Any] = {"object": "list", "data": data, "model": asked.model, "usage": usage}
    if asked.model == "fault-no-usage":
        del answered["usage"]
    if asked.model == "fault-usage-zero":
        answered["usage"] = {"prompt_tokens": 0, "total_tokens": 0}
    return answered


def document(asked: EmbeddingRequest) -> bytes:
    """The whole answer as it is sent, for a thread, vector by vector: at once it would hold the process for seconds."""
    rest = answer(asked)
    entries = [json.dumps(entry).encode() for entry in rest.pop("data")]
    return b'%b, "data": [%b]}' % (json.dumps(rest)[:-1].encode(), b",".join(entries))


def _vector(text: str, dimensions: int) -> list[float]:
    numbers = [0.0] * dimensions
    for token in tokens.split(text.lower()):
        dice = hashlib.sha256(token.strip().encode()).digest()
        for place in range(_PLACES_PER_TOKEN):
            number = int.from_bytes(dice[place * 4 : place * 4 + 4], "big")
            numbers[(number >> 1) % dimensions] += 1.0 if number & 1 else -1.0
    length = math.sqrt(sum(number * number for number in numbers)) or 1.0
    return [number / length for number in numbers]


def _in_base64(vector: list[float]) -> str:
    return base64.b64encode(array("f", vector).tobytes()).decode()


def _is_sound(vector: Any) -> bool:
    return isinstance(vector, list) and all(isinstance(number, float) and math.isfinite(number) for number in vector)


_OF_A_VECTOR: dict[str, Callable[[list[float]], Any]] = {
    "fault-vectors-nan": lambda vector: [math.nan, math.inf, *vector[2:]],
    "fault-vectors-words": lambda vector: ["one", "two", *vector[2:]],
    "fault-vectors-garbage": lambda vector: "no base64!",
    "fault-vectors-uneven": lambda vector: vector[:-1] or [1.0, 1.0],
}
_OF_ALL: dict[str, Callable[[list[dict[str, Any]]], list[dict[str, Any]]]] = {
    "fault-vectors-short": lambda data: data[:-1],
    "fault-vectors-twice": lambda data: [{**entry, "index": 0} for entry in [*data, *data][:2]],
    "fault-vectors-reversed": lambda data: data[::-1],
}
