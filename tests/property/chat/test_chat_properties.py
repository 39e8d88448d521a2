"""What holds for every text and every number."""

from hypothesis import given
from hypothesis import strategies as st

from apps.chat import markup, rules
from apps.chat.contracts import PaidBy, Role, Turn

texts = st.text(max_size=300)
pieces = (
    "# ", "- ", "1. ", "```", "```py\n", "$$", "\\(", "\\)", "\\[", "\n", "\n\n", "| a |", "|---|", "> ", "**", "`",
    "<b>", "a", "你", " ", "    ", "\r\n", "[x](y)", "![", "](", "&amp;", "\\", "~~",
)  # fmt: skip
markdown = st.lists(st.sampled_from(pieces), max_size=40).map("".join)
turn = st.builds(Turn, role=st.sampled_from(Role), text=texts)
turns = st.lists(turn, max_size=12)


@given(price=st.integers(0, 10**9), paid_by=st.sampled_from(PaidBy), is_delivered=st.booleans())
def test_a_charge_is_nothing_or_the_price(price: int, paid_by: PaidBy, is_delivered: bool) -> None:
    charge = rules.charge_for(price_milli=price, paid_by=paid_by, is_delivered=is_delivered)

    assert charge in {0, price}
    assert is_delivered or charge == 0


@given(reported=st.none() | st.integers(), text=texts)
def test_a_token_count_is_never_negative_nor_absurd(reported: int | None, text: str) -> None:
    assert 0 <= rules.usage_or_estimate(reported, text=text, ceiling=2_000_000) <= 2_000_000


@given(history=turns, question=texts.filter(bool), budget=st.integers(0, 400))
def test_a_context_ends_with_the_question_and_fits(history: list[Turn], question: str, budget: int) -> None:
    asked = Turn(role=Role.USER, text=question)

    kept = rules.fit_history([*history, asked], budget_tokens=budget)

    assert kept[-1] == asked
    assert kept[0].role is Role.USER
    assert list(kept) == [turn for turn in [*history, asked] if turn.text][-len(kept) :]
    assert len(kept) == 1 or sum(rules.estimate_tokens(turn.text) for turn in kept) <= budget


@given(text=texts)
def test_a_title_always_fits(text: str) -> None:
    title = rules.title_from(text)

    assert len(title) <= rules.MAX_TITLE
    assert "\n" not in title


@given(text=markdown, cuts=st.lists(st.integers(0, 200), max_size=6))
def test_streaming_in_any_pieces_ends_like_the_whole(text: str, cuts: list[int]) -> None:
    renderer = markup.StreamRenderer()
    shown: list[str] = []
    for cut in [*sorted(cuts), len(text)]:
        first, blocks = renderer.update(text[:cut])
        shown[first:] = blocks

    first, blocks = renderer.finish(text)
    shown[first:] = blocks

    assert tuple(shown) == markup.render_blocks(text)
