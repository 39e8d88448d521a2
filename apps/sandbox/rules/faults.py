"""What can be switched to go wrong: the one list of faults.

A new fault is one line here, its Chinese in the texts, and one `faults.take(...)` where it strikes. A new area also
gets its box on the phone page's Faults screen. Payments go wrong as the phone says (services/phone.py). A fault of the
model server is also the name of a model that always does so; how it strikes stands in engine/streams.py, oddities.py.
"""

from dataclasses import dataclass
from enum import StrEnum


class Area(StrEnum):
    """Where faults strike; one message or call suffers at most one fault of its area."""

    CALLBACK = "callback"  # messages and events on their way to the site
    SCAN = "scan"  # login codes
    ACCOUNT_API = "account_api"  # the official account's answers to the site
    MODEL = "model"  # the demo models' answers


@dataclass(frozen=True, kw_only=True)
class FaultKind:
    """One fault in plain language."""

    name: str
    area: Area
    title: str
    description: str


def _callback(name: str, title: str, description: str) -> FaultKind:
    return FaultKind(name=name, area=Area.CALLBACK, title=title, description=description)


def _api(name: str, title: str, description: str) -> FaultKind:
    return FaultKind(name=name, area=Area.ACCOUNT_API, title=title, description=description)


def _model(name: str, title: str, description: str) -> FaultKind:
    return FaultKind(name=f"fault-{name}", area=Area.MODEL, title=title, description=description)


KINDS: tuple[FaultKind, ...] = (
    _callback("dup", "Sent twice at once", "The same message reaches the site twice at the same moment."),
    _callback(
        "slow_client", "Dropped and sent again", "WeChat hangs up after 5 seconds and sends the same message again."
    ),
    _callback("bad_signature", "Forged signature", "Somebody who does not know our token signs the message."),
    _callback(
        "bad_msg_signature",
        "Forged signature of an encrypted message",
        "The message is encrypted, and the signature over its ciphertext is wrong.",
    ),
    _callback(
        "wrong_appid_inside",
        "Encrypted for somebody else",
        "The message is encrypted and signed with our keys, but another account's id is inside.",
    ),
    _callback("stale_timestamp", "Old message", "The message was signed ten minutes ago, as a replayed one is."),
    _callback("malformed_xml", "Broken message", "The message is signed, but its XML stops in the middle."),
    _callback("entity_bomb", "Message that explodes", "The XML defines entities that unfold to gigabytes."),
    FaultKind(
        name="expired_ticket",
        area=Area.SCAN,
        title="Login code expired",
        description="WeChat finds the scanned login code too old. The site hears nothing of it.",
    ),
    FaultKind(
        name="out_of_order",
        area=Area.SCAN,
        title="Scanned too early",
        description="A follower's scan reaches the site before the answer that made the login code.",
    ),
    _api("token_invalid", "Token refused", "Calls with an access token are refused with 40001, as if it had expired."),
    _api(
        "token_invalid_forever",
        "Every token refused",
        "However often the site asks for a new access token, calls are refused with 40001.",
    ),
    _api("quota", "Used up for today", "Calls are refused with 45009: the day's quota of calls is used up."),
    _api("no_permission", "Permission taken away", "Calls are refused with 48001, whatever kind the account is."),
    _api("busy", "WeChat is busy", "Calls are answered with -1: the system is busy."),
    _api("http500", "WeChat is broken", "Calls are answered with HTTP 500 and a page instead of JSON."),
    _api("timeout", "WeChat is silent", "Calls get no answer within ten seconds."),
    _model("500", "Server error", "HTTP 500 with an error."),
    _model("502-html", "A page in place of an answer", "HTTP 502 with a page of a gateway."),
    _model("429", "Too many questions", "HTTP 429, to be tried again after a second."),
    _model("401", "Key refused", "HTTP 401: the key is not accepted."),
    _model("402", "Account empty", "HTTP 402, as DeepSeek says that the account is empty."),
    _model("429-1113", "Account in arrears", "HTTP 429 with 1113, as Zhipu says that the account is empty."),
    _model(
        "400-arrearage", "Account in arrears, without an envelope", "HTTP 400 with Arrearage, as DashScope says it."
    ),
    _model("400-1301", "Question refused", "HTTP 400 with 1301: the question may be sensitive."),
    _model(
        "max-tokens", "Only the newer name of the limit", "HTTP 400 for max_tokens; max_completion_tokens is taken."
    ),
    _model("redirect", "Sent elsewhere", "HTTP 307 to another host."),
    _model("json-error", "Error behind a 200", "HTTP 200 with an error as its body."),
    _model("200-429", "Too many questions, behind a 200", "HTTP 200, and 429 as the code of an event."),
    _model("hang-before-first", "Silent before it answers", "Silence in place of a head."),
    _model("hang", "Silent behind the head", "A head, and then silence."),
    _model("hang-mid", "Silent in the middle", "A few words, and then silence."),
    _model("drop-mid", "Broken off in the middle", "A few words, and then the connection breaks."),
    _model("eof-no-done", "Ended without an end", "A few words, and then the body ends: no reason, no usage."),
    _model("error-in-stream", "Error in the middle", "A few words, and then an error as an event."),
    _model("network_error", "Broken off by itself", "Half of the answer, with network_error as its end."),
    _model("sensitive", "Filtered by the provider", "Half of the answer, with sensitive as its end."),
    _model("length", "Cut at its longest", "Half of the answer, with length as its end."),
    _model("context-full", "Context used up", "Half of the answer; its end says that the context is full."),
    _model("empty", "Nothing but an end", "Not a word, and stop as its end."),
    _model("no-usage", "Usage never told", "A good answer that does not say its usage."),
    _model("usage_twice", "Usage told twice", "Usage with the end, and again behind it."),
    _model("usage-first", "Usage told too early", "Usage before the first word alone, with one token of output."),
    _model("usage-zero", "Usage of nothing", "Usage with every event, and all of it 0."),
    _model("keepalive", "Heartbeats", "A comment before every event."),
    _model("heartbeats", "Heartbeats for ever", "Comments for ever behind the end."),
    _model("silent-end", "Line held open", "Silence for ever behind the end."),
    _model("error-after-end", "Error behind the end", "An error behind the end."),
    _model("slow", "Slow", "Twenty tokens a second."),
    _model("huge-delta", "Huge piece", "One piece of eight million characters."),
    _model("split-utf8", "Cut inside characters", "Pieces of the network end inside a character."),
    _model("half-emoji", "Halves of an emoji", "The halves of an emoji come in two events."),
    _model("crlf-lines", "Lines end at CR and LF", "Every line ends at CR and LF."),
    _model("cr-lines", "Lines end at CR", "Every line ends at CR alone."),
    _model("bom", "Byte order mark", "A byte order mark before the first event."),
    _model("data-lines", "Several lines of data", "The JSON of an event stands on several lines."),
    _model("separators", "Odd line separators", "U+2028, U+2029 and U+0085 inside the text."),
    _model("empty-delta", "Events of nothing", "Events with nothing in them between the others."),
    _model("unreadable", "An unreadable event", "One event that is no JSON among the others."),
    _model("list-content", "Content in parts", "The content is a list of parts."),
    _model("refusal", "Answer as a refusal", "The answer stands in delta.refusal."),
    _model("number-reason", "Number for a reason", "The finish_reason is a number."),
    _model("tool-cut", "Call cut off", "The arguments of the last call end in the middle, with length as its end."),
    _model("tool-whole", "Calls at once", "All calls in the last event, without numbers, their arguments an object."),
    _model("tool-garbled", "Calls that are none", "Before each piece of a call something that is no call."),
    _model("vectors-short", "An embedding too few", "The vector of the last input is missing."),
    _model("vectors-twice", "An embedding twice", "Two vectors are said to be of the first input."),
    _model("vectors-nan", "Embeddings of no numbers", "NaN and Infinity among the numbers of a vector."),
    _model("vectors-words", "Embeddings of words", "Texts in place of the numbers of a vector."),
    _model("vectors-garbage", "Embeddings of garbage", "A vector in base64 that is none."),
    _model("vectors-uneven", "Embeddings of several lengths", "The last vector is shorter than the others."),
    _model("vectors-reversed", "Embeddings in reverse", "The vectors in the other order, each with its own number."),
    _model("images-few", "An image too few", "The last image is missing."),
    _model("images-filtered", "Images held back", "No image, and the list of what was filtered, as Zhipu says it."),
    _model("images-garbage", "Images of garbage", "An image in base64 that is none."),
    _model("images-page", "A page in place of an image", "A page where the bytes of an image should be."),
    _model("images-svg", "A drawing that could do something", "An SVG with a script in place of an image."),
    _model("images-bomb", "An image that explodes", "A small PNG that unfolds to nine hundred million pixels."),
    _model("images-huge", "A huge image", "Sixty million bytes in place of an image."),
    _model("images-elsewhere", "An image inside the house", "An address on this machine in place of an image."),
    _model("images-redirect", "An image that leads elsewhere", "An address that leads on to another host."),
    _model("images-slow", "Slow to draw", "Three seconds of silence before the images."),
    _model("done-no-reason", "No reason for the end", "Usage and [DONE], and no finish_reason."),
    _model("json", "One document", "One JSON document, though a stream was asked for."),
    _model("gzip", "Compressed bomb", "A compressed body that unfolds to 50 MB."),
)
BY_NAME = {kind.name: kind for kind in KINDS}
