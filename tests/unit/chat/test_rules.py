"""Decisions of chat."""

from datetime import UTC, datetime

import pytest

from apps.chat import errors, rules, services
from apps.chat.contracts import GenerationState, Role, Turn


def turn(role: Role, text: str) -> Turn:
    return rules.text_turn(role, text)


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


@pytest.mark.parametrize(
    ("ends_on", "days", "will_end_on"),
    [
        (10, 7, 17),  # none yet, or it ends at this moment
        (12, 7, 19),  # two days are left
        (3, 7, 17),  # it has ended
        (None, 7, None),  # for ever stays
        (12, None, None),  # for ever from now on
        (3, None, None),
    ],
)
def test_a_right_is_lengthened_from_its_end(ends_on: int | None, days: int | None, will_end_on: int | None) -> None:
    def day(number: int | None) -> datetime | None:
        return None if number is None else datetime(2026, 11, number, 8, 30, tzinfo=UTC)

    now = datetime(2026, 11, 10, 8, 30, tzinfo=UTC)

    assert rules.lengthened(ends_at=day(ends_on), days=days, now=now) == day(will_end_on)


@pytest.mark.parametrize(
    ("text", "reasoning", "error_code", "is_delivered"),
    [
        ("a", "", "", True),
        ("a", "", "upstream_cut", True),
        ("a", "", "engine_lost", False),
        ("a", "", "internal", False),
        (" \n", "", "", False),
        ("\u200b\u2060\ufeff\u3164", "", "", False),
        (" \u200b\n", "", "", False),
        ("\u200d👍", "", "", True),
        ("", "", "", False),
        ("", "a thought", "", True),
        ("", "a thought", "engine_lost", False),
        (" ", "\u200b", "", False),
    ],
)
def test_what_we_broke_off_or_never_gave_is_not_delivered(
    text: str, reasoning: str, error_code: str, is_delivered: bool
) -> None:
    assert rules.is_delivered(text=text, reasoning=reasoning, error_code=error_code) is is_delivered


@pytest.mark.parametrize(
    ("url", "is_ours"),
    [
        ("http://127.0.0.1:8000/sandbox/llm/v1", True),
        ("http://[::1]:8000/v1", True),
        ("https://localhost/v1", True),
        ("https://api.example.com/v1", False),
        ("http://192.168.1.5:8000/v1", False),
        ("http://127.0.0.1.example.com/v1", False),
    ],
)
def test_only_loopback_addresses_are_on_this_machine(url: str, is_ours: bool) -> None:
    assert rules.is_on_this_machine(url) is is_ours


@pytest.mark.parametrize(
    ("url", "own", "is_ours"),
    [
        ("http://127.0.0.1:8000/sandbox/llm/v1", "http://127.0.0.1:8000/sandbox/llm/v1", True),
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/sandbox/llm/v1", True),
        ("http://127.0.0.1:8655/v1", "http://127.0.0.1:8000/sandbox/llm/v1", False),
        ("http://127.0.0.1:8000/v1", "", False),
        ("https://api.example.com/v1", "", False),
    ],
)
def test_our_own_model_server_is_the_one_that_we_name(url: str, own: str, is_ours: bool) -> None:
    assert rules.is_our_own(url, own=own) is is_ours


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("abc", 1),
        ("abcd", 2),
        ("¿Qué?", 2),
        ("你好", 2),
        ("你好ab", 3),
        ("2026", 4),
        ("สวัสดี", 6),
        ("дом", 3),
        ("😀", 3),
        ("𠀀a", 4),
    ],
)
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


@pytest.mark.parametrize("answer", ["", " \n", "\u200b"])
def test_questions_around_an_empty_answer_are_one(answer: str) -> None:
    """Some models refuse two questions in a row, and would refuse every later one of the conversation."""
    turns = [turn(Role.USER, "a"), turn(Role.ASSISTANT, answer), turn(Role.USER, "b")]

    assert rules.fit_history(turns, budget_tokens=100) == (turn(Role.USER, "a\n\nb"),)


def test_a_question_that_was_asked_again_is_said_once() -> None:
    turns = [turn(Role.USER, "a"), turn(Role.ASSISTANT, ""), turn(Role.USER, "a")]

    assert rules.fit_history(turns, budget_tokens=100) == (turn(Role.USER, "a"),)


def test_a_request_fits_up_to_the_tokens_that_its_model_takes() -> None:
    turns = [turn(Role.USER, "x" * 30), turn(Role.USER, "\u4f60" * 10)]  # each 10 tokens, and 4 around it

    rules.check_fits(turns, budget_tokens=28)
    with pytest.raises(errors.RequestTooLong) as refusal:
        rules.check_fits(turns, budget_tokens=27)

    assert refusal.value.context == {"limit": 27}
    rules.check_fits(turns[1:], budget_tokens=1)  # the question itself, however long


def said(text: object = "hi", **more: object) -> dict[str, object]:
    """A turn as a program sends it."""
    return {"role": "user", "parts": [{"type": "text", "text": text}], **more}


def test_a_request_is_read_turn_by_turn_and_part_by_part() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]

    first, second = rules.read_request([said("x", role="assistant"), said(parts=parts)])

    assert (first, second.role, second.text) == (turn(Role.ASSISTANT, "x"), Role.USER, "a\nb")


@pytest.mark.parametrize(
    ("request_", "at"),
    [
        (None, ""),
        ("hello", ""),
        ({"role": "user"}, ""),
        ([], ""),
        ([said()] * (rules.MAX_TURNS + 1), ""),
        (["hello"], "0"),
        ([said(role="system")], "0"),
        ([said(role=["user"])], "0"),
        ([said(name="bob")], "0"),
        ([{"role": "user"}], "0"),
        ([said(role="assistant")], "0"),
        ([said(), said(parts="hello")], "1.parts"),
        ([said(parts=[])], "0.parts"),
        ([said(parts=[{"type": "text", "text": "x"}] * 21)], "0.parts"),
        ([said(parts=["hello"])], "0.parts.0"),
        ([said(parts=[{"type": "sound", "text": "x"}])], "0.parts.0"),
        ([said(parts=[{"type": "text", "text": "x", "lang": "en"}])], "0.parts.0"),
        ([said(7)], "0.parts.0"),
        ([said("a\x00b")], "0"),
        ([said("a\ud800b")], "0"),
    ],
)
def test_what_is_no_request_is_refused_with_its_place(request_: object, at: str) -> None:
    with pytest.raises(errors.RequestNotValid) as refused:
        rules.read_request(request_)

    assert refused.value.context == {"at": at}


def test_an_image_is_refused_by_its_own_name() -> None:
    with pytest.raises(errors.ImagesNotUnderstood):
        rules.read_request([said(parts=[{"type": "image", "url": "https://a.b"}])])


def test_a_request_has_a_limit_as_a_whole() -> None:
    assert rules.read_request([said("x" * 200_000)] * 2)
    with pytest.raises(errors.MessageTooLong):
        rules.read_request([said("x" * 200_001)] * 2)


def test_a_title_is_the_beginning_of_the_first_message() -> None:
    assert rules.title_from("  two\n lines ") == "two lines"
    assert rules.title_from("长" * 40) == "长" * 30 + "…"
    assert rules.title_from("长" * 29 + "👍🏽 and more") == "长" * 29 + "…"


@pytest.mark.parametrize("title", ["", "  ", "x" * 81, "two\nlines"])
def test_bad_titles_are_refused(title: str) -> None:
    with pytest.raises(errors.TitleNotValid):
        rules.check_title(title)


def test_the_door_names_what_it_exports() -> None:
    assert sorted(services.__all__) == services.__all__
    assert all(hasattr(services, name) for name in services.__all__)
