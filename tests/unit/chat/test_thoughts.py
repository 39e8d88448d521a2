"""Thoughts before an answer, wherever the provider cuts the text."""

from itertools import combinations_with_replacement

import pytest

from apps.chat.engine.thoughts import Thoughts


def sorted_out(*pieces: str) -> tuple[str, str]:
    thoughts = Thoughts()
    parts = [*map(thoughts.sort, pieces), thoughts.rest()]
    return "".join(text for text, _ in parts), "".join(thought for _, thought in parts)


@pytest.mark.parametrize(
    ("text", "answer", "thought"),
    [
        ("<think>six by seven</think>\n\n42", "42", "six by seven"),
        (" \n<think></think>42", "42", ""),
        ("<think>a<</think>b</think>c", "b</think>c", "a<"),
        ("<think>a</think> <think>b</think>", "<think>b</think>", "a"),
        ("<thought>six by seven</thought>\n\n42", "42", "six by seven"),
        ("<thinking>a</think></thinking>42", "42", "a</think>"),
        ("<thinkable>", "<thinkable>", ""),
        ("<think>cut", "", "cut"),
        ("<think>cut</thi", "", "cut</thi"),
        ("<thin", "<thin", ""),
        ("<b>bold</b>", "<b>bold</b>", ""),
        ("Write <think>so</think>", "Write <think>so</think>", ""),
        (" \n", " \n", ""),
        ("", "", ""),
    ],
)
def test_thoughts_are_told_from_the_answer_at_every_cut(text: str, answer: str, thought: str) -> None:
    for first, second in combinations_with_replacement(range(len(text) + 1), 2):
        assert sorted_out(text[:first], text[first:second], text[second:]) == (answer, thought), (first, second)


def test_blanks_without_end_are_not_kept_waiting_for_a_thought() -> None:
    thoughts = Thoughts()

    sent = sum(len(thoughts.sort(" ")[0]) for _ in range(100_000))

    assert sent == 100_000
