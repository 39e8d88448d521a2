"""A channel is asked a tiny question because an operator wants to see whether it answers: through the connection, the
transport and the attempt of every question, but told to nobody.
"""

import asyncio
import logging
import threading
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from uuid import uuid4

from apps.chat import rules
from apps.chat.contracts import Job, Role, Target
from apps.chat.engine.attempt_notes import AttemptNote
from apps.chat.engine.attempts import Attempts
from apps.chat.engine.upstream_errors import BROKEN, UpstreamError
from apps.chat.registries import CHANNELS, AttemptPhase, Connection
from apps.kernel.characters import show_something

logger = logging.getLogger(__name__)

QUESTION = "Say hello."
# Enough for a thought and a greeting.
_MAX_OUTPUT_TOKENS = 200
# An operator waits; and a name that nobody resolves, or a thread that hangs, makes nobody wait longer.
_SECONDS = 10.0
_PATIENCE_SECONDS = 2.0
_MAX_CHARS = 2_000
_SHOWN_CHARS = 60


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What came of asking: how far it came, our code for what went wrong or "", and the first words.

    Times are in milliseconds. The words are somebody else's: to be shown, never kept.
    """

    phase: AttemptPhase
    code: str
    first_word_ms: int | None
    total_ms: int
    words: str


class _Nobody:
    """Who hears of a trial: it makes no row, and neither opens a breaker nor closes one."""

    async def begin_probe(self, job: Job, target: Target) -> bool:
        """Always."""
        return True

    async def has_begun(self, job: Job, target: Target) -> None:
        """Tells nobody."""

    async def record_attempt(self, attempt: AttemptNote) -> None:
        """Tells nobody."""


def try_targets(targets: Sequence[Target]) -> list[Trial]:
    """Ask these targets at the same time, in a thread of their own; blocks for twelve seconds at most."""
    trials: list[Trial] = [_unheard("upstream_timeout")] * len(targets)
    # Here: the first of a process has much to import, and a channel is not slow for that.
    ways = [CHANNELS[target.channel_kind].connect() for target in targets]

    def work() -> None:
        try:
            trials[:] = asyncio.run(_try_all(targets, ways))
        except Exception:
            logger.exception("a trial failed unexpectedly")
            trials[:] = [_unheard(rules.INTERNAL)] * len(targets)

    # A daemon: nothing that a channel does keeps the process from ending.
    thread = threading.Thread(target=work, name="trial", daemon=True)
    thread.start()
    thread.join(_SECONDS + _PATIENCE_SECONDS)
    return list(trials)


async def _try_all(targets: Sequence[Target], ways: Sequence[Connection]) -> list[Trial]:
    pairs = zip(targets, ways, strict=True)
    return await asyncio.gather(*(_try(_within_limits(target), way) for target, way in pairs))


async def _try(target: Target, way: Connection) -> Trial:
    job = Job(
        generation_id=uuid4(),
        lease_token=uuid4(),
        targets=(target,),
        max_output_tokens=_MAX_OUTPUT_TOKENS,
        turns=(rules.text_turn(Role.USER, QUESTION),),
    )
    async with way:
        attempts = Attempts(job, channels={target.channel_kind: way}, services=_Nobody())
        said, reason, code = "", "", ""
        try:
            async with asyncio.timeout(_SECONDS), aclosing(attempts.deltas()) as answer:
                async for delta in answer:
                    reason = delta.finish_reason or reason
                    said = (said + delta.reasoning + delta.text)[:_MAX_CHARS]
        except TimeoutError:
            code = "upstream_timeout"
        except UpstreamError as error:
            code = error.code
        if not code and (not reason or reason in BROKEN):
            code = "upstream_cut"
        elif not code and not show_something(said):
            code = "empty_answer"
        note = attempts.note(code)
    if note is None:
        return _unheard(code)
    return Trial(
        phase=note.phase,
        code=code,
        first_word_ms=note.first_word_ms,
        total_ms=note.total_ms,
        words=_shown(said, target),
    )


def _within_limits(target: Target) -> Target:
    """As the channel is asked, but never longer than an operator waits."""
    names = ("connect_seconds", "first_word_seconds", "silence_seconds", "total_seconds")
    return replace(target, **{name: min(getattr(target, name), _SECONDS) for name in names})


def _shown(said: str, target: Target) -> str:
    """The first words, without signs that nobody sees; and without the key, should they repeat it."""
    words = " ".join(said.replace(target.api_key, "…").split())[:_SHOWN_CHARS]
    return "".join(sign for sign in words if sign.isprintable())


def _unheard(code: str) -> Trial:
    """Of whom nothing was heard, as long as an operator waits."""
    return Trial(
        phase=AttemptPhase.CONNECT,
        code=code,
        first_word_ms=None,
        total_ms=round((_SECONDS + _PATIENCE_SECONDS) * 1000),
        words="",
    )
