"""Decisions of chat."""

import pytest

from apps.chat import errors, rules, services
from apps.chat.contracts import GenerationState, PaidBy, Role, Turn


def turn(role: Role, text: str) -> Turn:
    return Turn(role=role, text=text)


QUESTION = rules.Question(
    text="hi", max_chars=5, model="m", is_model_enabled=True, needs_entitlement=False, is_entitled=True
)


def test_a_settled_generation_never_changes() -> None:
    for state in GenerationState:
        for target in GenerationState:
            allowed = target in rules.NEXT.get(state, frozenset())
            if allowed:
                rules.check_transition(state, target)
                continue
            with pytest.raises(errors.IllegalTransition):
                rules.check_transition(state, target)
    assert {state for state in GenerationState if rules.NEXT.get(state)} == {
        GenerationState.QUEUED,
        GenerationState.RUNNING,
    }


def test_only_running_answers_finish() -> None:
    assert rules.sources_of(GenerationState.FINISHED) == (GenerationState.RUNNING,)
    assert rules.sources_of(GenerationState.STOPPED) == (GenerationState.QUEUED, GenerationState.RUNNING)


def test_a_good_question_passes_the_chain() -> None:
    rules.check_question(QUESTION)


@pytest.mark.parametrize(
    ("paid_by", "is_delivered", "charge"),
    [(PaidBy.QUOTA, True, 700), (PaidBy.QUOTA, False, 0), (PaidBy.FREE, True, 0), (PaidBy.FREE, False, 0)],
)
def test_only_a_delivered_answer_paid_by_quota_is_charged(paid_by: PaidBy, is_delivered: bool, charge: int) -> None:
    assert rules.charge_for(price_milli=700, paid_by=paid_by, is_delivered=is_delivered) == charge


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("abc", 1), ("abcd", 2), ("你好", 2), ("你好ab", 3)])
def test_tokens_are_estimated_by_script(text: str, tokens: int) -> None:
    assert rules.estimate_tokens(text) == tokens


def test_history_keeps_the_newest_turns_and_begins_with_a_question() -> None:
    turns = [
        turn(Role.USER, "old " * 30),
        turn(Role.ASSISTANT, "answer " * 5),
        turn(Role.USER, "new"),
    ]

    assert rules.fit_history(turns, budget_tokens=40) == (turns[2],)
    assert rules.fit_history(turns, budget_tokens=400) == tuple(turns)


def test_the_question_itself_is_kept_however_long() -> None:
    question = turn(Role.USER, "x" * 900)

    assert rules.fit_history([question], budget_tokens=10) == (question,)


def test_empty_answers_are_not_part_of_the_history() -> None:
    turns = [turn(Role.USER, "a"), turn(Role.ASSISTANT, ""), turn(Role.USER, "b")]

    assert [item.text for item in rules.fit_history(turns, budget_tokens=100)] == ["a", "b"]


def test_a_title_is_the_beginning_of_the_first_message() -> None:
    assert rules.title_from("  two\n lines ") == "two lines"
    assert rules.title_from("长" * 40) == "长" * 30 + "…"


@pytest.mark.parametrize("title", ["", "  ", "x" * 81, "two\nlines"])
def test_bad_titles_are_refused(title: str) -> None:
    with pytest.raises(errors.TitleNotValid):
        rules.check_title(title)


def test_the_door_names_what_it_exports() -> None:
    assert sorted(services.__all__) == services.__all__
    assert all(hasattr(services, name) for name in services.__all__)
