"""How providers differ who all speak as OpenAI does: what each calls its errors, and how it wants to be asked."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from apps.chat.engine.option_ways import OptionWay
from apps.chat.engine.upstream_errors import UpstreamError

_TOKEN_LIFE = timedelta(minutes=5)


def plain(api_key: str, *, now: datetime) -> str:
    """The key itself."""
    return api_key


def zhipu_token(api_key: str, *, now: datetime) -> str:
    """A token that Zhipu takes in place of a key of the form id.secret: the secret is not sent. Others go as they are.

    HS256 with `sign_type` in the header and milliseconds in the payload: its own form of a JWT (docs.bigmodel.cn, API
    authentication).
    """
    key_id, dot, secret = api_key.partition(".")
    if not dot:
        return api_key
    at, until = (round(moment.timestamp() * 1000) for moment in (now, now + _TOKEN_LIFE))
    head = _part({"alg": "HS256", "sign_type": "SIGN"})
    signed = f"{head}.{_part({'api_key': key_id, 'exp': until, 'timestamp': at})}"
    mark = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{_base64(mark)}"


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """One provider's way. `codes` are our codes for its own, where the common ones do not say it."""

    codes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    # What it calls the longest answer, and whether it counts tokens only when asked to.
    limit_name: str = "max_tokens"
    wants_usage: bool = True
    # Whether it knows vectors in base64, which are a fifth as long as in decimal figures.
    wants_base64: bool = False
    # Whether it gives the bytes of images where they are asked for, and takes a number of them.
    gives_bytes: bool = True
    takes_number: bool = True
    authorization: Callable[..., str] = plain
    # What becomes of the options that it does not take as OpenAI does (engine/option_ways.py).
    option_ways: Mapping[str, OptionWay] = field(default_factory=lambda: MappingProxyType({}))

    def options(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What is asked of the answer, in this provider's words."""
        said: dict[str, Any] = {}
        for name, value in asked.items():
            more = self.option_ways[name](value) if name in self.option_ways else {name: value}
            if "tools" in said and "tools" in more:
                # Those of a program, and a provider's own.
                more = {**more, "tools": [*said["tools"], *more["tools"]]}
            said |= more
        return said

    def understood(self, error: UpstreamError) -> UpstreamError:
        """The error in our codes; the same where this provider means nothing else by it."""
        code = next((self.codes[word] for word in error.words if word in self.codes), "")
        # Its own word tells also what it is about, where the status of HTTP left that open.
        if not code:
            return error
        return UpstreamError(code, error.detail, words=error.words, retry_seconds=error.retry_seconds)


def _part(value: Mapping[str, object]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
