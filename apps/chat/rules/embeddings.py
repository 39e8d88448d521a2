"""What a program may say to /v1/embeddings, by OpenAI's names, and what inputs may be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from apps.chat import errors
from apps.chat.contracts import Role, TextPart, Turn
from apps.chat.rules.bodies import model_of, said_in, shown
from apps.chat.rules.requests import UNSTORABLE, estimate_tokens

MAX_INPUTS = 2_048
MAX_INPUT_TOKENS = 300_000
# A float32; how many of them a vector may have, and how many bytes all vectors of an answer.
NUMBER_BYTES = 4
MAX_DIMENSIONS = 8_192
MAX_VECTOR_BYTES = 16 * 1024 * 1024

_NAMES = {"model", "input", "dimensions", "encoding_format", "user"}


@dataclass(frozen=True, kw_only=True)
class EmbeddingAsked:
    """What is asked: each input a text. No dimensions of its own is None."""

    model: str
    inputs: tuple[str, ...] = field(repr=False)
    dimensions: int | None
    is_base64: bool


def read_embedding(body: Any) -> EmbeddingAsked:
    """The body of a request. What is null is as if it were not there.

    Raises ParameterMissing, ParameterUnknown, ParameterNotValid, ParameterNotOffered (inputs that are numbers of
    tokens), ModelNotFound.
    """
    said = said_in(body)
    for name in said:
        if name not in _NAMES:
            raise errors.ParameterUnknown(param=shown(name))
    if not isinstance(said.get("user", ""), str):
        raise errors.ParameterNotValid(param="user")
    model, inputs = model_of(said), _inputs(said)
    dimensions = said.get("dimensions")
    if dimensions is not None:
        is_number = isinstance(dimensions, int) and not isinstance(dimensions, bool)
        if not is_number or not 1 <= dimensions <= MAX_DIMENSIONS:
            raise errors.ParameterNotValid(param="dimensions")
        if len(inputs) * dimensions * NUMBER_BYTES > MAX_VECTOR_BYTES:
            raise errors.ParameterNotValid(param="dimensions")
    encoding = said.get("encoding_format", "float")
    if encoding not in ("float", "base64"):
        raise errors.ParameterNotValid(param="encoding_format")
    return EmbeddingAsked(model=model, inputs=inputs, dimensions=dimensions, is_base64=encoding == "base64")


def _inputs(said: Mapping[str, Any]) -> tuple[str, ...]:
    if "input" not in said:
        raise errors.ParameterMissing(param="input")
    given = said["input"]
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, list) or not given:
        raise errors.ParameterNotValid(param="input")
    if any(isinstance(each, int | list) for each in given):
        # The number of a token is a word of one model's vocabulary alone, and cannot be looked through.
        raise errors.ParameterNotOffered(param="input")
    if len(given) > MAX_INPUTS:
        raise errors.ParameterNotValid(param="input")
    for number, text in enumerate(given):
        if not isinstance(text, str) or not text or UNSTORABLE.search(text):
            raise errors.ParameterNotValid(param=f"input.{number}")
    return tuple(given)


def turn_of_inputs(inputs: Sequence[str]) -> Turn:
    """Inputs as one turn, which is how they are kept, and looked through."""
    return Turn(role=Role.USER, parts=tuple(TextPart(text=text) for text in inputs))


def turns_of_inputs(request: Any) -> tuple[Turn, ...]:
    """The turn of inputs as a generation keeps it (rules.request_of); of more parts than a question has."""
    return tuple(turn_of_inputs([part["text"] for part in turn["parts"]]) for turn in request)


def inputs_of(turn: Turn) -> list[str]:
    """The inputs in a turn."""
    return [part.text for part in turn.parts if isinstance(part, TextPart)]


def input_tokens(inputs: Sequence[str]) -> list[int]:
    """Our count of each input. Raises RequestTooLong."""
    counts = [estimate_tokens(text) for text in inputs]
    if sum(counts) > MAX_INPUT_TOKENS:
        raise errors.RequestTooLong(limit=MAX_INPUT_TOKENS)
    return counts


def check_fit(tokens: Sequence[int], *, budget_tokens: int) -> None:
    """Raise RequestTooLong for an input that is longer than the model reads."""
    for number, count in enumerate(tokens):
        if count > budget_tokens:
            raise errors.RequestTooLong(limit=budget_tokens, param=f"input.{number}")
