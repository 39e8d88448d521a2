"""What a demo model answers: text that depends on the conversation alone, pleasant to read, free of claims."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from apps.sandbox.engine import tokens, wordings

_TOPIC_LENGTH = 36
# For tests and curious people: "repeat: x" is answered with exactly x.
_REPEAT = re.compile(r"\s*(?:repeat|复述)\s*[:：]\s*(.*)", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A complete answer; `reasoning` is empty for models that do not show it."""

    reasoning: str
    content: str


def compose(
    questions: Sequence[str],
    *,
    is_deep: bool,
    results: Sequence[str] = (),
    pictures: Sequence[str] = (),
    has_searched: bool = False,
) -> Answer:
    """Answer the last of a conversation's questions; the same questions get the same answer.

    `results` are what tools said that were called for it, `pictures` what it sees in the last question. A search finds
    nothing but the question: here is no web.
    """
    question = questions[-1] if questions else ""
    words = wordings.CHINESE if tokens.is_cjk(question) else wordings.ENGLISH
    topic = _topic(question)
    repeat = _REPEAT.fullmatch(question)
    content = repeat[1] if repeat else _essay(question, topic, len(questions), words, is_deep=is_deep)
    if pictures and not repeat:
        content = f"{words.seen.format(number=len(pictures), pictures=', '.join(pictures))}\n\n{content}"
    if results:
        content = words.told.format(results="\n\n".join(results))
    elif has_searched:
        content = f"{words.searched.format(topic=topic)}\n\n{content}"
    return Answer(reasoning=words.reasoning.format(topic=topic) if is_deep else "", content=content)


def _essay(question: str, topic: str, turn: int, words: wordings.Wordings, *, is_deep: bool) -> str:
    dice = hashlib.sha256(question.encode()).digest()
    asked = {name for name, hints in words.wishes.items() if any(hint in question.lower() for hint in hints)}
    paragraphs = [_pick(words.openers, dice[0]).format(topic=topic)]
    if turn > 1:
        paragraphs.append(words.again.format(turn=turn))
    length = 2 + (2 if is_deep else 0) + (2 if "long" in asked else 0)
    paragraphs += [_pick(words.thoughts, dice[1] + step) for step in range(length)]
    paragraphs += [block for name, block in words.blocks.items() if name in asked]
    paragraphs.append(_pick(words.closers, dice[2]))
    return "\n\n".join(paragraphs)


def _topic(question: str) -> str:
    line = " ".join(question.split())
    return line if len(line) <= _TOPIC_LENGTH else f"{line[:_TOPIC_LENGTH].rstrip()}…"


def _pick(choices: Sequence[str], number: int) -> str:
    return choices[number % len(choices)]
