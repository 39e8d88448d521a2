"""What a request may be, and how much of a branch fits a model."""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby, repeat, takewhile
from typing import Any
from uuid import UUID

from apps.chat import errors
from apps.chat.contracts import ImagePart, Role, TextPart, ToolCall, ToolResult, Turn
from apps.chat.rules.pictures import DETAILS, PER_REQUEST
from apps.kernel.characters import show_something

# What a request may be; how far up a branch it reaches at most, though the token budget usually ends it sooner.
MAX_TURNS = 200
_MAX_PARTS = 20
MAX_CALLS = 64
_MAX_REQUEST_CHARS = 400_000

# What a message costs beside its words: role markers and separators, as the common tokenisers count them.
_TOKENS_PER_MESSAGE = 4
# What PostgreSQL keeps in no text: NUL, and half of a surrogate pair.
UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
# Of Latin script a token is several letters long; of others it is a letter, and some models count each digit. Behind
# Unicode's first plane a character is as many tokens as tokenisers make of its bytes.
_OTHER = re.compile(r"[0-9\u0250-\U0010ffff]")
_RARE = re.compile(r"[\U00010000-\U0010ffff]")
MOST_TOKENS_PER_SIGN = 3


def estimate_tokens(text: str) -> int:
    """Tokens of a text, roughly and rather too many: one for three signs of Latin script, one for each digit and each
    sign of another, three for those behind Unicode's first plane (pictures, rare Chinese).
    """
    other, rare = len(_OTHER.findall(text)), len(_RARE.findall(text))
    return other + (MOST_TOKENS_PER_SIGN - 1) * rare + -(-(len(text) - other) // 3)


def read_request(request: object) -> tuple[Turn, ...]:
    """The turns of a request that somebody sends as JSON; the last one is a user's, the question, or a tool's.

    Raises RequestNotValid, ImagesNotUnderstood, and MessageTooLong for more text than any request may have.
    """
    if not isinstance(request, list) or not 1 <= len(request) <= MAX_TURNS:
        raise errors.RequestNotValid(at="")
    turns = turns_of(request)
    if any(turn.role is Role.SYSTEM for turn in turns[1:]):
        raise errors.RequestNotValid(
            at=str(next(at for at, turn in enumerate(turns) if at and turn.role is Role.SYSTEM))
        )
    if turns[-1].role not in (Role.USER, Role.TOOL):
        raise errors.RequestNotValid(at=str(len(turns) - 1))
    _check_calls_are_answered(turns)
    for number, turn in enumerate(turns):
        if UNSTORABLE.search(_all_said(turn)):
            raise errors.RequestNotValid(at=str(number))
    if sum(len(_all_said(turn)) for turn in turns) > _MAX_REQUEST_CHARS:
        raise errors.MessageTooLong(limit=_MAX_REQUEST_CHARS)
    return turns


def _check_calls_are_answered(turns: Sequence[Turn]) -> None:
    """Raise RequestNotValid unless what came of each call follows it, once, before anybody else speaks."""
    waiting: list[str] = []
    for number, turn in enumerate(turns):
        answered = [part.call_id for part in turn.parts if isinstance(part, ToolResult)]
        if (turn.role is Role.TOOL) != bool(waiting) or not set(answered) <= set(waiting):
            raise errors.RequestNotValid(at=str(number))
        waiting = [call_id for call_id in waiting if call_id not in answered]
        waiting += [call.id for call in turn.calls]
        if len(set(waiting)) < len(waiting):
            raise errors.RequestNotValid(at=str(number))
    if waiting:
        raise errors.RequestNotValid(at=str(len(turns) - 1))


def _all_said(turn: Turn) -> str:
    return "".join((turn.text, *(f"{call.id}{call.name}{call.arguments}" for call in turn.calls)))


def request_of(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """These turns as a generation keeps them."""
    return [{"role": turn.role.value, "parts": [_part_as_kept(part) for part in turn.parts]} for turn in turns]


def _part_as_kept(part: TextPart | ImagePart | ToolCall) -> dict[str, Any]:
    if isinstance(part, ImagePart):
        return {"type": "image", "picture": str(part.picture_id), "tokens": part.tokens, "detail": part.detail}
    if isinstance(part, ToolCall):
        return {"type": "tool_call", "id": part.id, "name": part.name, "arguments": part.arguments}
    if isinstance(part, ToolResult):
        return {"type": "tool_result", "id": part.call_id, "text": part.text}
    return {"type": "text", "text": part.text}


def turns_of(request: Any) -> tuple[Turn, ...]:
    """The turns of a request as it is kept. Raises RequestNotValid, ImagesNotUnderstood."""
    return tuple(_turn(turn, at=str(number)) for number, turn in enumerate(request))


def text_turn(role: Role, text: str) -> Turn:
    """A turn of one text."""
    return Turn(role=role, parts=(TextPart(text=text),))


def shown_turn(role: Role, text: str, pictures: Any) -> Turn:
    """A turn of the pictures of a message, as it keeps them (None for none), and of its text, if it has any."""
    shown = tuple(_picture(part) for part in pictures or ())
    said = (TextPart(text=text),) if show_something(text) or not shown else ()
    return Turn(role=role, parts=(*shown, *said))


def says_something(turn: Turn) -> bool:
    """Whether it has words that can be seen, or a picture."""
    return bool(turn.pictures) or show_something(turn.text)


def unseen(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """These turns for a model that does not see: their words, and a trace of nothing where that was all."""
    return tuple(
        Turn(role=turn.role, parts=tuple(part for part in turn.parts if not isinstance(part, ImagePart)))
        if turn.pictures
        else turn
        for turn in turns
    )


def _turn(turn: Any, *, at: str) -> Turn:
    if not isinstance(turn, dict) or turn.keys() != {"role", "parts"} or turn["role"] not in Role.values:
        raise errors.RequestNotValid(at=at)
    parts = turn["parts"]
    if not isinstance(parts, list) or not 1 <= len(parts) <= _MAX_PARTS + MAX_CALLS:
        raise errors.RequestNotValid(at=f"{at}.parts")
    role = Role(turn["role"])
    read = [_part(part, role=role, at=f"{at}.parts.{number}") for number, part in enumerate(parts)]
    calls = sum(isinstance(part, ToolCall) for part in read)
    if len(read) - calls > (1 if role is Role.TOOL else _MAX_PARTS) or calls > MAX_CALLS:
        raise errors.RequestNotValid(at=f"{at}.parts")
    return Turn(role=role, parts=tuple(read))


def _picture(part: Any) -> ImagePart:
    """A picture as it is kept. Raises ImagesNotUnderstood for any other image."""
    try:
        picture_id, tokens, detail = UUID(part["picture"]), part["tokens"], part["detail"]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise errors.ImagesNotUnderstood from None
    if part.keys() != {"type", "picture", "tokens", "detail"} or not isinstance(tokens, int) or detail not in DETAILS:
        raise errors.ImagesNotUnderstood
    return ImagePart(picture_id=picture_id, tokens=tokens, detail=detail)


def _part(part: Any, *, role: Role, at: str) -> TextPart | ImagePart | ToolCall:
    """A part of what a role may say: only tools say what came of a call, and only answers call one."""
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "image" and role is Role.USER:
        return _picture(part)
    said = {name: value for name, value in part.items() if isinstance(value, str)} if kind else {}
    if kind == "text" and role is not Role.TOOL and said.keys() == part.keys() == {"type", "text"}:
        return TextPart(text=said["text"])
    if kind == "tool_result" and role is Role.TOOL and said.keys() == part.keys() == {"type", "id", "text"}:
        return ToolResult(text=said["text"], call_id=said["id"])
    is_call = kind == "tool_call" and said.keys() == part.keys() == {"type", "id", "name", "arguments"}
    if is_call and role is Role.ASSISTANT:
        return ToolCall(id=said["id"], name=said["name"], arguments=said["arguments"])
    raise errors.RequestNotValid(at=at)


def check_fits(
    turns: Sequence[Turn], *, beside_tokens: int = 0, budget_tokens: int, exact_tokens: int | None = None
) -> None:
    """Raise RequestTooLong for more than fit_history() lets through: an answer costs the same however much it reads.

    `beside_tokens` is our count of what it reads beside the turns; `exact_tokens` of all, where somebody counted.
    """
    tokens = asked_tokens(turns) + beside_tokens if exact_tokens is None else exact_tokens
    if tokens > max(budget_tokens, asked_tokens(turns[-1:])):
        raise errors.RequestTooLong(limit=budget_tokens)


def fit_history(
    turns: Sequence[Turn], *, budget_tokens: int, exact_tokens: Sequence[int] | None = None
) -> tuple[Turn, ...]:
    """The newest turns that fit the budget, oldest first, of user and assistant in turn, beginning with a user's.

    Answers that show nothing are left out, and the questions around them become one: some models refuse the whole
    conversation otherwise. The last turn, the question itself, is always kept: upstream says it if it is too long.
    `exact_tokens` are those of each turn's text, where somebody counted; else they are estimated.
    """
    kept = list(reversed(newest_turns(turns, budget_tokens=budget_tokens, exact_tokens=exact_tokens)))
    while len(kept) > 1 and kept[-1].role is not Role.USER:
        kept.pop()
    return tuple(_joined(role, run) for role, run in groupby(reversed(kept), key=lambda turn: turn.role))


def newest_turns(
    turns: Sequence[Turn], *, budget_tokens: int, exact_tokens: Sequence[int] | None = None
) -> tuple[Turn, ...]:
    """The newest of the turns that show something, as many as fit the budget, each as it was said, oldest first."""
    counted = zip(turns, exact_tokens or repeat(None, len(turns)), strict=True)
    kept: list[Turn] = []
    left, room = budget_tokens, PER_REQUEST
    for turn, exact in reversed([(turn, exact) for turn, exact in counted if says_something(turn)]):
        left -= _cost(turn, exact)
        room -= len(turn.pictures)
        if kept and (left < 0 or room < 0):
            break
        kept.append(turn)
    return tuple(reversed(kept))


def unanswered(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """The user's turns at the end of a branch that no answer followed; they are asked together with the next."""
    said = reversed([turn for turn in turns if says_something(turn)])
    return tuple(reversed(list(takewhile(lambda turn: turn.role is Role.USER, said))))


def asked_tokens(turns: Iterable[Turn]) -> int:
    """Our count of what these turns are together, with what stands around them."""
    return sum(_cost(turn) for turn in turns)


def message_tokens(text: str) -> int:
    """Our count of one message, with what stands around it."""
    return estimate_tokens(text) + _TOKENS_PER_MESSAGE


def texts_to_count(turns: Iterable[Turn]) -> tuple[list[str], int]:
    """What of these turns has tokens, and how many stand around it: what asked_tokens() estimates."""
    texts, around = [], 0
    for turn in turns:
        texts += [turn.text, *(text for call in turn.calls for text in (call.name, call.arguments))]
        around += _TOKENS_PER_MESSAGE * (1 + len(turn.calls)) + _of_pictures(turn)
    return texts, around


def _cost(turn: Turn, exact: int | None = None) -> int:
    of_text = message_tokens(turn.text) if exact is None else exact + _TOKENS_PER_MESSAGE
    return of_text + _of_pictures(turn) + sum(map(call_tokens, turn.calls))


def _of_pictures(turn: Turn) -> int:
    return sum(picture.tokens for picture in turn.pictures)


def call_tokens(call: ToolCall) -> int:
    """Our count of one call, with what stands around it."""
    return message_tokens(call.name) + estimate_tokens(call.arguments)


def _joined(role: Role, turns: Iterable[Turn]) -> Turn:
    """What one of them said in a row; who said the same again meant it once, words and pictures."""
    run = list(turns)
    pictures = tuple(dict.fromkeys(picture for turn in run for picture in turn.pictures))
    text = "\n\n".join(text for text, _ in groupby(turn.text for turn in run if turn.text))
    said = (TextPart(text=text),) if text or not pictures else ()
    return Turn(role=role, parts=(*pictures, *said))
