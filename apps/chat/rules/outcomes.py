"""How a generation ends, and what that makes of its answer."""

from collections.abc import Mapping

from apps.chat import errors
from apps.chat.contracts import GenerationState, Outcome
from apps.kernel.characters import show_something

# The error codes of answers that we broke off: a process of ours ended, or failed as nobody expected. They are free.
ENGINE_LOST = "engine_lost"
INTERNAL = "internal"
OURS = frozenset({ENGINE_LOST, INTERNAL})
# That of images for which their member had no room.
PICTURES_FULL = "pictures_full"
# The finish reasons of answers that somebody held back a part of, the provider or we.
FILTERED = frozenset({"content_filter", "sensitive"})
# That of an answer that operators' words ended.
ANSWER_FILTERED = "answer_filtered"
# That of an answer that came to its end without a word, though there may have been thoughts.
EMPTY_ANSWER = "empty_answer"

_SETTLED = frozenset(
    {
        GenerationState.FINISHED,
        GenerationState.STOPPED,
        GenerationState.FAILED,
        GenerationState.INTERRUPTED,
    }
)

NEXT: Mapping[GenerationState, frozenset[GenerationState]] = {
    GenerationState.QUEUED: frozenset({GenerationState.RUNNING, GenerationState.STOPPED, GenerationState.FAILED}),
    GenerationState.RUNNING: _SETTLED,
}


def check_transition(current: GenerationState, target: GenerationState) -> None:
    """Raise IllegalTransition unless a generation may go from current to target."""
    if target not in NEXT.get(current, frozenset()):
        raise errors.IllegalTransition(current=current.value, target=target.value)


def sources_of(target: GenerationState) -> tuple[GenerationState, ...]:
    """The states from which a generation may reach the target."""
    return tuple(state for state, targets in NEXT.items() if target in targets)


def is_delivered(*, text: str, reasoning: str = "", has_beside: bool = False, error_code: str) -> bool:
    """Whether an answer counts as delivered: some output was kept that shows something, and we did not break it off.

    Thoughts are output: its provider is paid for them, and its owner can read them. So is what stands beside them: a
    tool that it calls, an embedding.
    """
    return (has_beside or show_something(text) or show_something(reasoning)) and error_code not in OURS


def is_whole(*, state: GenerationState, finish_reason: str) -> bool:
    """Whether an answer came to the end that its model gave it; what was filtered did not."""
    return state is GenerationState.FINISHED and finish_reason not in FILTERED


def is_unpaid(*, outcome: Outcome, is_delivered: bool) -> bool:
    """Whether an answer cost us something and its owner nothing.

    What we broke off counts too: a question may have made us do so, and what a question can bring about has a limit.
    """
    return outcome.was_taken and not is_delivered


def abandoned_state(*, is_stop_requested: bool) -> GenerationState:
    """How a generation ends whose engine is gone: as its owner wished, else interrupted."""
    return GenerationState.STOPPED if is_stop_requested else GenerationState.INTERRUPTED
