"""What chat tells others, and the words that it uses for states. Amounts are milli-credits, times are aware."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from apps.chat.contracts.catalogue import Capability, ModelKind, Tokenizer
from apps.chat.contracts.pictures import StoredPicture
from apps.chat.contracts.prices import Extras, Price, Priced, Reported
from apps.chat.contracts.word_lists import WordsFound
from apps.kernel.ids import UserId

# The code of the kind that a channel is of unless it is said otherwise.
OPENAI_COMPATIBLE = "openai-compatible"
# In place of a channel's code, which has no colon: answers with members' own keys have their places together.
OWN_KEYS = "own:keys"


class Role(TextChoices):
    """Who speaks. No message of a conversation is the system's; requests of programs may be, if operators allow it. A
    tool speaks for itself where a program says what came of calling it.
    """

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    TOOL = "tool"


# Who writes messages.
WRITERS = (Role.USER, Role.ASSISTANT)


class Place(Enum):
    """Where a new message goes when it is not put below a certain one."""

    AFTER_HEAD = "after_head"


class GenerationState(TextChoices):
    """Where one answer stands. Everything but QUEUED and RUNNING is settled and final."""

    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    FINISHED = "finished", _("Finished")
    STOPPED = "stopped", _("Stopped")
    FAILED = "failed", _("Failed")
    INTERRUPTED = "interrupted", _("Interrupted")


class PaidBy(TextChoices):
    """What a generation is paid with: a free use of the day, quota, or its owner's key, outside of this site."""

    FREE = "free", _("Free allowance")
    QUOTA = "quota", _("Chat quota")
    OWN_KEY = "own_key", _("Own key")


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The limits that operators set for everybody."""

    free_per_day: int = 10
    max_running: int = 5
    # Answers that a channel worked on and nobody paid for: stopped before the first word, or empty.
    max_unpaid_per_day: int = 30
    max_message_chars: int = 32_000
    max_per_minute: int = 60
    # Whether members may have their own keys asked at addresses of their own.
    allows_own_addresses: bool = False


@dataclass(frozen=True, kw_only=True)
class ModelOffer(Priced):
    """A model as one user sees it; `reason` says why it cannot be used now, else it is empty.

    `offer` is the version of its price, as rules.offer_of() says. `capabilities` are those that can be used here.
    `has_own_key`: it is asked with the member's own key, which pays for it whatever quota and rights there are.
    `entitled_until` is when the right that opens it ends, None for never. One that is not `answering` could be asked,
    but nobody who serves it is well: it would fail at once.
    """

    id: str
    name: str
    kind: ModelKind
    capabilities: tuple[Capability, ...]
    created_at: datetime
    price: Price
    offer: str
    extras: Extras
    context_tokens: int
    max_output_tokens: int
    in_free_allowance: bool
    entitled: bool
    entitled_until: datetime | None
    affordable: bool
    answering: bool
    reason: str
    has_own_key: bool = False


@dataclass(frozen=True, kw_only=True)
class ConversationSummary:
    """One line of the conversation list."""

    id: UUID
    title: str
    created_at: datetime
    updated_at: datetime
    is_archived: bool
    running_generation_id: UUID | None


@dataclass(frozen=True, kw_only=True)
class GenerationDetail(Priced):
    """How one answer came about. `charged_milli`, `is_delivered` and the tokens are final once the state is settled.

    `is_shortened`: quota was left for `max_output_tokens` only, fewer than the model may give.
    """

    id: UUID
    # None where no message shows it.
    message_id: UUID | None
    conversation_id: UUID | None
    state: GenerationState
    model: str
    model_name: str
    paid_by: PaidBy
    price: Price
    held_milli: int
    charged_milli: int
    max_output_tokens: int
    is_shortened: bool
    # Whether some of what the model thought was kept.
    has_thoughts: bool
    is_delivered: bool
    prompt_tokens: int
    completion_tokens: int
    finish_reason: str
    error_code: str
    # The parameter that its provider refused, by OpenAI's name, where it named one.
    error_param: str
    # What was asked of it: to think, or not to; None left that to the model. And whether it was to search.
    thinks: bool | None = None
    searches: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether nothing will change any more."""
        return self.state not in {GenerationState.QUEUED, GenerationState.RUNNING}

    @property
    def produce_id(self) -> str:
        """By which labels name what was generated, wherever it goes: its own id, which is nobody else's."""
        return str(self.id)


@dataclass(frozen=True, kw_only=True)
class ShownReport:
    """What became of a member's report on an answer, as its page shows it; titles are English."""

    reason_title: str
    state_title: str
    is_open: bool
    due_at: datetime
    result: str


@dataclass(frozen=True, kw_only=True)
class MessageDetail:
    """One message; an assistant's has its generation. `sibling_ids` are its parent's children, oldest first.

    `reasoning` is what the model thought before it answered, when its provider shows it.
    """

    id: UUID
    parent_id: UUID | None
    role: Role
    text: str
    created_at: datetime
    generation: GenerationDetail | None = None
    reasoning: str = field(default="", repr=False)
    picture_ids: tuple[UUID, ...] = ()
    sibling_ids: tuple[UUID, ...] = ()
    report: ShownReport | None = None
    # Whether nothing from here up is sent with what is asked below.
    ends_context: bool = False


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What asking answers: the user's message, the answer to come, and the job that writes it."""

    message: MessageDetail
    answer: MessageDetail
    generation: GenerationDetail


@dataclass(frozen=True, kw_only=True)
class SearchHit:
    """A conversation that holds the words; `snippet` is the place, empty when only the title matched."""

    conversation_id: UUID
    title: str
    message_id: UUID | None
    snippet: str
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class TextPart:
    """Words."""

    text: str


@dataclass(frozen=True, kw_only=True)
class ImagePart:
    """A picture of the asker's, which counts as so many tokens; `detail` is how closely the model shall look at it."""

    picture_id: UUID
    tokens: int
    detail: str = "auto"


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """A tool that an answer calls: `arguments` are JSON, as the model wrote them."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, kw_only=True)
class ToolResult(TextPart):
    """What came of a call."""

    call_id: str


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What one side says in a request, in parts."""

    role: Role
    parts: tuple[TextPart | ImagePart | ToolCall, ...]

    @property
    def text(self) -> str:
        """Its words as a whole."""
        return "\n".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def pictures(self) -> tuple[ImagePart, ...]:
        """What it shows."""
        return tuple(part for part in self.parts if isinstance(part, ImagePart))

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The tools that it calls."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))


@dataclass(frozen=True, kw_only=True)
class Target:
    """One place where a job can be asked: a route's channel, by its code, with one of its keys or a member's own."""

    route_id: UUID
    key_id: UUID
    channel: str
    channel_kind: str
    base_url: str
    proxy_url: str
    api_key: str = field(repr=False)
    upstream_model: str
    max_running: int
    connect_seconds: float
    first_word_seconds: float
    silence_seconds: float
    total_seconds: float
    # Something was wrong with the channel, so that an answer is news; and whether one of us has to try it first.
    is_ailing: bool = False
    needs_probe: bool = False
    # The key is a member's own; and so is the address.
    is_own: bool = False
    is_guarded: bool = False


@dataclass(frozen=True, kw_only=True)
class Job:
    """A claimed generation and all that is needed to carry it out; valid for whoever holds the lease token.

    `targets` are asked in this order, the next only while nobody has read a word of the answer; there is at least one.
    `kind` is what is wanted of the model.
    """

    generation_id: UUID
    lease_token: UUID
    targets: tuple[Target, ...]
    max_output_tokens: int
    turns: tuple[Turn, ...] = field(repr=False)
    kind: ModelKind = ModelKind.TEXT
    # Whose it is; None of trials, which are nobody's.
    user_id: UserId | None = None
    # What else the answer shall be like, by OpenAI's names (rules.options).
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    # Whether nobody has seen any of its turns before: a program makes up what was said earlier, too.
    is_all_new: bool = False
    # How much output is taken by our count, where each token of it has its price; None where the answer has.
    most_output_tokens: int | None = None
    # By which tables its tokens are counted; None where nobody knows.
    tokenizer: Tokenizer | None = None
    # How much of the turns is asked, which are more than that by our estimate; None where they are what is asked.
    budget_tokens: int | None = None
    # Thinking has a price of its own, and is to be paid: it is asked with it, or not at all.
    is_paid_to_think: bool = False
    # Of images: how many are wanted, and in what size and quality; "" leaves that to the model.
    images: int = 0
    image_size: str = ""
    image_quality: str = ""

    @property
    def new_text(self) -> str:
        """What of it nobody has looked at yet: the question, or all of a program's request."""
        new = self.turns if self.is_all_new else self.turns[-1:]
        return "\n\n".join("\n".join((turn.text, *(call.arguments for call in turn.calls))) for turn in new)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a job ended: the output that was kept, and what its provider says that it took."""

    state: GenerationState
    text: str = field(repr=False)
    reasoning: str = field(default="", repr=False)
    calls: tuple[ToolCall, ...] = field(default=(), repr=False)
    # How likely each token of the text was (rules.logprobs).
    logprobs: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    # What is no text: of embeddings a vector for each input, in their order (contracts.Vectors).
    outputs: tuple[bytes, ...] = field(default=(), repr=False)
    # What was drawn: their files are there, their rows come with the settlement.
    pictures: tuple[StoredPicture, ...] = field(default=(), repr=False)
    finish_reason: str = ""
    error_code: str = ""
    # Which parameter its provider refused.
    error_param: str = ""
    reported: Reported = Reported()
    # Our count of what was asked; 0 where nobody has counted it since the question.
    asked_tokens: int = 0
    # The input, and the output that was kept, where somebody counted them exactly.
    exact_input: int | None = None
    exact_kept: int | None = None
    # Where it was asked last, how long until its first output and until its end; None where nobody knows.
    route_id: UUID | None = None
    first_output_ms: int | None = None
    latency_ms: int | None = None
    # The channel began to answer, or may have: it costs us something, whether anybody pays for it or not.
    was_taken: bool = False
    # What was found of the operators' words in the answer, and by a moderator in the question.
    found: tuple[WordsFound, ...] = ()
    found_in_question: tuple[WordsFound, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far an answer has come, for those who may read it."""

    state: GenerationState
    text: str = field(repr=False)

    @property
    def is_settled(self) -> bool:
        """Whether nothing will change any more."""
        return self.state not in {GenerationState.QUEUED, GenerationState.RUNNING}


@dataclass(frozen=True, kw_only=True)
class AnswerView:
    """An answer as its reader follows it: the text saved so far and how it stands.

    Its thoughts, which `reasoning` is, the tools that it calls, how likely its tokens were, and the parts of its
    tokens are known with its end.
    """

    generation: GenerationDetail
    text: str = field(repr=False)
    reasoning: str = field(default="", repr=False)
    calls: tuple[ToolCall, ...] = field(default=(), repr=False)
    logprobs: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    balance_milli: int | None = None
