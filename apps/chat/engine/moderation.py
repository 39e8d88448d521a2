"""Somebody else looks at questions and answers, after the operators' own words: asked over HTTP, within a time limit.

A question is looked at before its model is asked. An answer has been shown by the time it is whole: what is found there
is recorded for operators, and nothing is taken back. A moderator that cannot be asked is never silent about it: what
happens then is a setting, and each time is a hit of its own.
"""

import asyncio
import logging
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from django.conf import settings

from apps.chat.contracts import TextDirection, Verdict, WordAction, WordsFound
from apps.chat.engine import documents, transport
from apps.chat.registries import Moderator, ModeratorSilent

logger = logging.getLogger(__name__)

MODERATOR = "moderator"
SILENT = "moderator-silent"
_MAX_ANSWER_BYTES = 4 * 1024
_VERDICTS = {verdict.value: verdict for verdict in Verdict}


class RemoteModerator:
    """`POST {"text": …, "direction": "question" | "answer"}`, answered by `{"verdict": "fine" | "refuse"}`."""

    def __init__(self, *, url: str, key: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
        self._session = transport.open_session(keeps_connections=True)

    async def look(self, text: str, direction: TextDirection) -> Verdict:
        """What it says. Raises ModeratorSilent."""
        asked = {"text": text, "direction": direction.value}
        try:
            async with self._session.post(
                self._url, json=asked, headers=self._headers, allow_redirects=False
            ) as answer:
                body = await answer.content.read(_MAX_ANSWER_BYTES)
                if answer.status != 200:
                    raise ModeratorSilent(f"status {answer.status}")
                return documents.read(body, _verdict)
        except transport.ERRORS as error:
            raise ModeratorSilent(type(error).__name__) from error
        except (documents.Unreadable, KeyError, TypeError):
            raise ModeratorSilent("not understood") from None

    async def close(self) -> None:
        """Hang up."""
        await self._session.close()


@dataclass(frozen=True)
class Looked:
    """What came of a look: whether the question may not be asked, by which error code, and what is recorded."""

    error_code: str = ""
    found: tuple[WordsFound, ...] = ()


class Moderation:
    """The moderator of the settings, or none; `async with` it, then look."""

    def __init__(self, moderator: Moderator | None = None, *, seconds: float, refuses_unseen: bool) -> None:
        self._moderator = moderator
        self._seconds = seconds
        self._refuses_unseen = refuses_unseen

    async def __aenter__(self) -> Self:
        if self._moderator is None and settings.MODERATION_URL:
            self._moderator = RemoteModerator(url=settings.MODERATION_URL, key=settings.MODERATION_KEY)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._moderator is not None:
            await self._moderator.close()

    async def look(self, text: str, direction: TextDirection) -> Looked:
        """Ask the moderator, if there is one. Never raises, and never takes longer than the limit."""
        if self._moderator is None:
            return Looked()
        try:
            async with asyncio.timeout(self._seconds):
                verdict = await self._moderator.look(text, direction)
        except (ModeratorSilent, TimeoutError) as error:
            reason = "too slow" if isinstance(error, TimeoutError) else str(error)
            logger.warning("the moderator could not be asked about a %s: %s", direction.value, reason)
            return self._unseen(direction)
        if verdict is Verdict.FINE:
            return Looked()
        return _looked(MODERATOR, "question_refused" if direction is TextDirection.QUESTION else "")

    def _unseen(self, direction: TextDirection) -> Looked:
        is_refused = self._refuses_unseen and direction is TextDirection.QUESTION
        return _looked(SILENT, "moderator_silent" if is_refused else "")


def moderation() -> Moderation:
    """The moderation that the settings name."""
    return Moderation(seconds=settings.MODERATION_SECONDS, refuses_unseen=settings.MODERATION_ON_FAILURE == "refuse")


def _looked(found_by: str, error_code: str) -> Looked:
    action = WordAction.REJECT if error_code else WordAction.FLAG
    return Looked(error_code, (WordsFound(found_by=found_by, action=action, times=1),))


def _verdict(said: Any) -> Verdict:
    return _VERDICTS[said["verdict"]]
