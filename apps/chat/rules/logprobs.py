"""How likely each token of an answer was, and what else it could have been: as providers say it, and in columns."""

from collections.abc import Mapping, Sequence
from typing import Any

from apps.chat.rules.options import MAX_ALTERNATIVES
from apps.chat.rules.requests import UNSTORABLE

# Of one token: some are words, and pieces of pictures are several bytes.
_MAX_TOKEN_CHARS = 200
# As unlikely as numbers of 32 bits can say, which is what some say of what they never would; nothing is more likely
# than certain.
_LEAST_LOGPROB = -3.5e38


def read_token(said: Any) -> dict[str, Any] | None:
    """One token, as it is kept and handed out; None for what is none."""
    token = _read(said)
    if token is None:
        return None
    others = said.get("top_logprobs") or []
    if not isinstance(others, list):
        return None
    read = [_read(other) for other in others[:MAX_ALTERNATIVES]]
    return None if None in read else {**token, "top_logprobs": read}


def _read(said: Any) -> dict[str, Any] | None:
    if not isinstance(said, dict):
        return None
    token, logprob, data = said.get("token"), said.get("logprob"), said.get("bytes")
    is_token = isinstance(token, str) and len(token) <= _MAX_TOKEN_CHARS and not UNSTORABLE.search(token)
    # Compared as it is: a number of four hundred figures has no float.
    is_number = isinstance(logprob, int | float) and not isinstance(logprob, bool) and _LEAST_LOGPROB <= logprob <= 0
    if not (is_token and is_number and (data is None or _are_bytes(data))):
        return None
    return {"token": token, "logprob": logprob, "bytes": data}


def _are_bytes(data: Any) -> bool:
    return (
        isinstance(data, list)
        and len(data) <= 4 * _MAX_TOKEN_CHARS
        and all(isinstance(byte, int) and not isinstance(byte, bool) and 0 <= byte <= 255 for byte in data)
    )


def texts_of(tokens: Sequence[Mapping[str, Any]]) -> list[str]:
    """All that these tokens say, and could have said."""
    return [each["token"] for token in tokens for each in (token, *token["top_logprobs"])]


def in_columns(tokens: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """As completions of prompts have them: a column for each thing, and where in the text each token begins."""
    offsets, at = [], 0
    for token in tokens:
        offsets.append(at)
        at += len(token["token"])
    return {
        "tokens": [token["token"] for token in tokens],
        "token_logprobs": [token["logprob"] for token in tokens],
        "top_logprobs": [{each["token"]: each["logprob"] for each in token["top_logprobs"]} for token in tokens],
        "text_offset": offsets,
    }
