"""The tools that an answer calls, as their pieces come: joined without trust, and kept only where they came whole."""

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from uuid import uuid4

from apps.chat import rules
from apps.chat.contracts import ToolCall, WordsFound
from apps.chat.engine.answer_text import storable
from apps.chat.registries import CallPiece
from apps.chat.rules import tool_use
from apps.chat.rules.requests import MAX_CALLS
from apps.chat.words.gate import Gate
from apps.chat.words.lexicon import Lexicon

# So much is looked through before all other answers have their turn.
_STEP_CHARS = 4_000


class _Growing:
    """One call, as far as it came."""

    def __init__(self, number: int | None) -> None:
        self.number = number
        self.id = self.name = ""
        self.arguments: list[str] = []


class ToolCalls:
    """The calls of one answer. What they are is known at the end: a call of which a part is missing is none."""

    def __init__(self, *, max_chars: int, are_wanted: bool) -> None:
        self._left = max_chars
        # By our count, piece by piece.
        self.tokens = 0
        # Nobody carries out what nobody offered.
        self._are_wanted = are_wanted
        self._calls: list[_Growing] = []
        self.is_full = False

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, pieces: Iterable[CallPiece]) -> bool:
        """Take pieces, as long as there is room; whether there is more of a call now."""
        has_more = False
        for piece in pieces if self._are_wanted else ():
            call, is_new = self._call_of(piece)
            if call is None:
                self.is_full = True
                break
            has_more = has_more or is_new or bool(piece.arguments)
            call.id, call.name = call.id or piece.id, call.name or piece.name
            call.arguments.append(piece.arguments)
            self._left -= len(piece.arguments)
            self.tokens += rules.estimate_tokens(piece.arguments)
            if self._left < 0:
                self.is_full = True
                break
        return has_more

    def _call_of(self, piece: CallPiece) -> tuple[_Growing | None, bool]:
        """The call that a piece belongs to, and whether it begins one; None where one more is too many.

        Some number no piece, some number all of them 0: another id is another call. Some repeat the id with each.
        """
        same = [call for call in self._calls if call.number == piece.number]
        if piece.id:
            same = [call for call in same if call.id in ("", piece.id)]
        elif piece.number is None and piece.name:
            same = []
        if same:
            return same[-1], False
        if len(self._calls) == MAX_CALLS:
            return None, False
        self._calls.append(_Growing(piece.number))
        return self._calls[-1], True

    def whole(self, *, is_cut: bool) -> tuple[ToolCall, ...]:
        """The calls that came whole; of an answer that was cut off, those whose arguments are complete."""
        calls = [_joined(call) for call in self._calls if tool_use.is_name(call.name)]
        ids = [call.id for call in calls]
        if len(set(ids)) < len(ids):
            calls = [replace(call, id=_new_id()) for call in calls]
        if is_cut:
            return tuple(call for call in calls if isinstance(tool_use.arguments_of(call), dict))
        # Who asks for nothing may say nothing.
        return tuple(call if call.arguments else replace(call, arguments="{}") for call in calls)


def _joined(call: _Growing) -> ToolCall:
    arguments = storable("".join(call.arguments)).strip()
    return ToolCall(id=call.id if tool_use.is_call_id(call.id) else _new_id(), name=call.name, arguments=arguments)


def _new_id() -> str:
    return f"call_{uuid4().hex[:24]}"


def as_text(arguments: object) -> str:
    """The arguments in a piece: JSON in a text, or as some send it JSON itself."""
    if isinstance(arguments, str):
        return arguments
    return json.dumps(arguments, ensure_ascii=False) if isinstance(arguments, dict) else ""


async def look_through(
    calls: Iterable[ToolCall], lexicon: Callable[[], Lexicon]
) -> tuple[bool, tuple[WordsFound, ...]]:
    """Whether operators' words let these calls through as they are, and what was found. Masked, a call would do
    something else, so it is not let through either.
    """
    return await passes("\n".join(map(tool_use.text_of_call, calls)), lexicon)


async def passes(text: str, lexicon: Callable[[], Lexicon]) -> tuple[bool, tuple[WordsFound, ...]]:
    """Whether operators' words leave a text as it is, and what was found; step by step, in between other answers."""
    gate, passed = Gate(lexicon), []
    for start in range(0, len(text), _STEP_CHARS):
        end = start + _STEP_CHARS
        passed.append(gate.take(text[start:end], is_end=end >= len(text)))
        await asyncio.sleep(0)
    return not gate.is_shut and "".join(passed) == text, gate.found
