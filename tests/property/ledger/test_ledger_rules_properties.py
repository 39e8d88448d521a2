"""Names of accounts never collide, and every possible integer is judged."""

from hypothesis import given
from hypothesis import strategies as st

from apps.ledger import rules
from apps.ledger import services as ledger

words = st.text(st.characters(exclude_characters="|", exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(words, words, words, words)
def test_two_names_have_one_key_only_if_they_are_one_name(owner: str, asset: str, owner_2: str, asset_2: str) -> None:
    first, second = ledger.AccountRef(owner, asset), ledger.AccountRef(owner_2, asset_2)

    assert (first.id == second.id) == (first == second)


@given(st.integers())
def test_an_amount_moves_exactly_if_it_is_within_the_limits(amount: int) -> None:
    try:
        rules.check_amount(amount)
    except ledger.InvalidAmount:
        assert not 1 <= amount <= rules.LARGEST_AMOUNT
    else:
        assert 1 <= amount <= rules.LARGEST_AMOUNT
