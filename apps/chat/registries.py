"""What chat grows by, each one class that apps.py registers: the protocols that channels speak (engine/kinds.py,
docs/how-to/add-a-channel-kind.md), and the rules that a question passes (rules/admission.py,
docs/how-to/add-a-chat-rule.md).
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, NamedTuple, Protocol

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from apps.chat.contracts import CleanPicture, Job, Reported, Target, TextDirection, Verdict
from apps.chat.rules.chain import Rule
from apps.kernel.registries import Registry


class CallPiece(NamedTuple):
    """A piece of a tool's call, as its provider numbers it and names it; from piece to piece the arguments grow."""

    number: int | None
    id: str
    name: str
    arguments: str


class Delta(NamedTuple):
    """What one event brings, or several together; most bring only text.

    `reasoning` is what a model thinks before it answers. Tokens are as the provider counts them, believed or not
    (rules.counted); `usage_is_garbled` where it counts in no whole numbers. `outputs` are what is no text, all of it at
    once (Outcome.outputs); `pictures` come as they are drawn.
    """

    text: str = ""
    reasoning: str = ""
    finish_reason: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    # How many it joins.
    events: int = 1
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    usage_is_garbled: bool = False
    calls: tuple[CallPiece, ...] = ()
    # How likely its tokens were, unread: where the job asks for it.
    logprobs: tuple[Any, ...] = ()
    outputs: tuple[bytes, ...] = ()
    pictures: tuple[CleanPicture, ...] = ()

    @property
    def has_usage(self) -> bool:
        """Whether the provider counted the tokens."""
        return self.completion_tokens is not None

    @property
    def is_told(self) -> bool:
        """Whether it says anything of the tokens, sense or not."""
        return self.has_usage or self.usage_is_garbled

    @property
    def has_words(self) -> bool:
        """Whether it brings more of the answer, a tool that it calls too, or of the thoughts before it."""
        return bool(self.text or self.reasoning or self.calls or self.outputs or self.pictures)

    @property
    def reported(self) -> Reported:
        """What it says of the tokens."""
        return Reported(
            input_tokens=self.prompt_tokens,
            cached_tokens=self.cached_tokens,
            output_tokens=self.completion_tokens,
            reasoning_tokens=self.reasoning_tokens,
            is_garbled=self.usage_is_garbled,
        )


class AttemptPhase(TextChoices):
    """How far an attempt came: no connection, nobody who said a word, or an answer that had begun."""

    CONNECT = "connect", _("Connecting")
    FIRST_WORD = "first_word", _("Before the first word")
    STREAM = "stream", _("Answering")


class Connection(AbstractAsyncContextManager[Any]):
    """The way to all channels of one kind, for one event loop: `async with` it, then ask."""

    @abstractmethod
    def answer(self, job: Job, target: Target) -> AsyncGenerator[Delta, None]:
        """The answer of the target's channel, until it has said all or the connection ends.

        Every byte of it is hostile. It is whole only if a finish_reason came. Raises upstream_errors.UpstreamError.
        """


class ChannelKind(ABC):
    """A protocol that channels speak. Every process knows its name; only the engine connects."""

    code: ClassVar[str]
    # For operators, and for members with keys of their own.
    label: ClassVar[Any]
    # Whether its models can be asked to search the web.
    searches: ClassVar[bool] = False
    # Where whoever has a key asks its provider; "" where there is no such place.
    public_url: ClassVar[str] = ""

    def own_key_url(self) -> str:
        """Where a member's own key is asked; "" where only the member can know."""
        return self.public_url

    @abstractmethod
    def connect(self) -> Connection:
        """A new connection; what it needs may be imported here."""


class ModeratorSilent(Exception):
    """A moderator that could not be asked, or said nothing that is understood; the reason is for logs."""


class Moderator(Protocol):
    """Somebody else who looks at texts, after the operators' words (engine/moderation.py has the first)."""

    async def look(self, text: str, direction: TextDirection) -> Verdict:
        """What it says of a text; it may take long, and be cancelled. Raises ModeratorSilent."""

    async def close(self) -> None:
        """Hang up."""


CHANNELS: Registry[ChannelKind] = Registry("channel kind")
RULES: Registry[Rule] = Registry("chat rule")
