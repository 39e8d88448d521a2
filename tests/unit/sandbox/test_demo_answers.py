"""What the demo models say and how it is counted."""

import pytest

from apps.sandbox.engine import answers, completions, paces, tokens


def test_a_cjk_character_is_a_token_and_so_are_four_others() -> None:
    assert tokens.split("你好, world") == ["你", "好", ", wo", "rld"]
    assert tokens.count(["你好, world", ""]) == 4 + 3 + 3


@pytest.mark.parametrize("text", ["", "你好", "a", "一a二bb三ccccc", "🙂 emoji\n\n"])
def test_tokens_joined_are_the_text(text: str) -> None:
    assert "".join(tokens.split(text)) == text


@pytest.mark.parametrize("question", ["怎么开始跑步？", "How do I start running?"])
def test_the_same_question_gets_the_same_answer_in_its_language(question: str) -> None:
    first = answers.compose([question], is_deep=False)

    assert first == answers.compose([question], is_deep=False)
    assert first != answers.compose([question + "!"], is_deep=False)
    assert tokens.is_cjk(first.content) == tokens.is_cjk(question)
    assert ("演示模型" in first.content) or ("demo model" in first.content)


@pytest.mark.parametrize(
    ("question", "sign"),
    [
        ("列一个清单", "\n1. **"),
        ("写一段代码", "```python"),
        ("做一张表格", "| --- |"),
        ("写一个公式", "$$"),
        ("give me a list", "\n1. **"),
        ("show me code", "```python"),
        ("make a table", "| --- |"),
        ("write a formula", "$$"),
    ],
)
def test_markdown_is_shown_when_asked_for(question: str, sign: str) -> None:
    assert sign in answers.compose([question], is_deep=False).content


def test_a_repetition_is_exact() -> None:
    assert answers.compose(["repeat: 一 two\n3"], is_deep=False).content == "一 two\n3"


def test_only_the_deep_model_reasons_and_it_answers_longer() -> None:
    quick, deep = (answers.compose(["为什么天是蓝的"], is_deep=is_deep) for is_deep in (False, True))

    assert quick.reasoning == ""
    assert deep.reasoning
    assert len(deep.content) > len(quick.content)


@pytest.mark.parametrize("limit", [1, 5, 40])
def test_max_tokens_is_obeyed_reasoning_first(limit: int) -> None:
    request = completions.read(
        {"model": "demo-deep", "messages": [{"role": "user", "content": "你好"}], "max_tokens": limit}
    )
    planned = completions.plan(request, pace=paces.MODELS["demo-deep"])

    assert planned.usage()["completion_tokens"] == limit
    assert planned.finish_reason == "length"
    assert len(planned.reasoning) == limit


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"messages": []},
        {"messages": ["hello"]},
        {"messages": [{"role": "boss", "content": "x"}]},
        {"messages": [{"role": "user", "content": 5}]},
        {"messages": [{"role": "user", "content": "x"}], "max_tokens": 0},
        {"messages": [{"role": "user", "content": "x"}], "max_tokens": "9"},
    ],
)
def test_a_request_of_the_wrong_shape_is_refused(body: object) -> None:
    with pytest.raises(completions.NotValid):
        completions.read(body)
