"""Why a channel did not answer: our stable codes for what providers, networks and broken streams say."""

import re
from dataclasses import dataclass
from typing import Any

import aiohttp

from apps.chat.engine.attempt_notes import Blame
from apps.chat.rules.outcomes import EMPTY_ANSWER, FILTERED
from apps.kernel.outbound import AddressRefused

# The context of the model is used up: as an error, or as the end of an answer that had no more room.
CONTEXT_FULL = "model_context_window_exceeded"

# The provider does not take the question as it was put, and nobody else would.
REQUEST_REFUSED = "request_refused"

# Upstream's own codes that mean more than their HTTP status (string or number, by provider).
_CODES = {
    "insufficient_quota": "upstream_arrears",
    # Of relays.
    "insufficient_user_quota": "upstream_arrears",
    "1113": "upstream_arrears",
    "Arrearage": "upstream_arrears",
    "context_length_exceeded": "context_too_long",
    "1261": "context_too_long",
    CONTEXT_FULL: "context_too_long",
    "content_filter": "content_refused",
    "content_policy_violation": "content_refused",
    "moderation_blocked": "content_refused",
    "data_inspection_failed": "content_refused",
    "DataInspectionFailed": "content_refused",
    "1301": "content_refused",
    # Also where no status says so: behind a 200.
    "invalid_api_key": "upstream_key_refused",
    "rate_limit_exceeded": "upstream_busy",
    "model_not_found": "upstream_model_unknown",
}
_STATUSES = {
    # It does not take the question as it was put: a schema, a value, a size.
    **dict.fromkeys((400, 413, 422), REQUEST_REFUSED),
    401: "upstream_key_refused",
    402: "upstream_arrears",
    403: "upstream_key_refused",
    404: "upstream_model_unknown",
    429: "upstream_busy",
}
# Finish reasons with which an upstream says that it broke off by itself; those of servers that open models run on, too.
BROKEN = {
    "network_error",
    "insufficient_system_resource",
    "abort",
    "aborted",
    "cancelled",
    "error",
    "timeout",
}
# Whatever else a provider puts in these places may be the question itself or a key: words are letters, numbers are
# short, and keys have both in one, or a hyphen.
_WORD = re.compile(r"(?=.{1,64}\Z)(?:(?:[A-Za-z]{1,32}|[0-9]{1,6})(?:[_.\[\]]+|\Z))+\Z")


_BLAMES = {
    "upstream_key_refused": Blame.KEY,
    "upstream_arrears": Blame.KEY,
    "upstream_model_unknown": Blame.MODEL,
    "upstream_busy": Blame.CALL,
    "context_too_long": Blame.QUESTION,
    "content_refused": Blame.QUESTION,
    REQUEST_REFUSED: Blame.QUESTION,
}


# Where the status tells more than our code for it. Who is forbidden something may yet be allowed the rest.
_BLAMES_OF_STATUS: dict[int | None, Blame] = {
    403: Blame.CALL,
    **dict.fromkeys((400, 413, 415, 422), Blame.QUESTION),
}
# What stands as the code in an error behind a 200 where it is a status of HTTP, as relays have it.
_STATUSES_IN_WORDS = {str(status) for status in range(400, 600)}


class UpstreamError(Exception):
    """The channel did not answer, or broke off; `code` is ours and stable, `detail` is for the log."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        blame: Blame | None = None,
        has_connected: bool = True,
        words: tuple[str, ...] = (),
        retry_seconds: float = 0.0,
        param: str = "",
    ) -> None:
        super().__init__(code)
        # The member of the question that it refuses, where it names one.
        self.param = param
        # After how long it may be asked again, as the provider says; 0 where it does not.
        self.retry_seconds = retry_seconds
        # The provider's own code and type, for those who know what it means by them.
        self.words = words
        self.code = code
        self.detail = detail
        self.blame = blame or _BLAMES.get(code, Blame.CHANNEL)
        self.has_connected = has_connected


@dataclass(frozen=True)
class Complaint:
    """What a provider's error object says, as far as it may be repeated: identifiers, never sentences."""

    code: str = ""
    type: str = ""
    param: str = ""
    # It takes the newer name of the limit; only its sentence says so at some providers.
    wants_max_completion_tokens: bool = False
    # It names what we ask to have the tokens counted, or for the bytes of images; where it does so differs.
    refuses_stream_options: bool = False
    refuses_response_format: bool = False

    @classmethod
    def read(cls, document: Any) -> "Complaint":
        """From the JSON of a response or an event, whatever its shape."""
        if isinstance(document, list):
            document = next(iter(document), None)  # as Gemini sends them
        if not isinstance(document, dict):
            return cls()
        error = document.get("error")
        if not isinstance(error, dict):
            # Without an envelope, or with a sentence in it.
            error = {**document, "code": document.get("code") or error}
        code, param = _word(error.get("code")), _word(error.get("param"))
        message = error.get("message")
        is_unsupported = code == "unsupported_parameter" and param == "max_tokens"
        return cls(
            code=code,
            type=_word(error.get("type")),
            param=param,
            wants_max_completion_tokens=is_unsupported
            or (isinstance(message, str) and "max_completion_tokens" in message),
        )

    def as_error(self, status: int | None = None, *, retry_seconds: float = 0.0) -> UpstreamError:
        """The error that this complaint is, with the response's status if it was not 200."""
        known = _CODES.get(self.code) or _CODES.get(self.type)
        if status is None and self.code in _STATUSES_IN_WORDS:
            status = int(self.code)
        code = known or (_code_of_status(status) if status is not None else "upstream_failed")
        facts = {"status": status, "code": self.code, "type": self.type, "param": self.param}
        detail = ", ".join(f"{name} {value}" for name, value in facts.items() if value)
        blame = None if known else _BLAMES_OF_STATUS.get(status)
        return UpstreamError(
            code, detail, blame=blame, words=(self.code, self.type), retry_seconds=retry_seconds, param=self.param
        )


def of_transport(error: Exception) -> UpstreamError:
    """What a failure of the network or of the HTTP that came over it means."""
    unmade = aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | AddressRefused
    has_connected = not isinstance(error, unmade)
    return UpstreamError(_code_of_transport(error), type(error).__name__, has_connected=has_connected)


def silent_failure(finish_reason: str, *, has_output: bool) -> str:
    """What is wrong with an answer that ended without an error, if anything is."""
    if not finish_reason or finish_reason in BROKEN:
        return "upstream_cut"
    if not has_output:
        if finish_reason == CONTEXT_FULL:
            return "context_too_long"
        return "content_refused" if finish_reason in FILTERED else EMPTY_ANSWER
    return ""


def _code_of_transport(error: Exception) -> str:
    if isinstance(error, AddressRefused) or isinstance(getattr(error, "os_error", None), AddressRefused):
        return "upstream_address_refused"
    if isinstance(error, TimeoutError):
        return "upstream_timeout"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "upstream_name_unknown"
    if isinstance(error, aiohttp.ClientSSLError):
        return "upstream_tls"
    if isinstance(error, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError | OSError):
        return "upstream_unreachable"
    return "upstream_garbled"


def _code_of_status(status: int) -> str:
    if 300 <= status < 400:
        return "upstream_refused"  # a question and its key go where the operators said, and nowhere else
    return _STATUSES.get(status, "upstream_failed")


def _word(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    word = str(value) if isinstance(value, str) or abs(value) < 10**9 else ""
    return word if _WORD.match(word) else ""
