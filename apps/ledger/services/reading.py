"""Balances and statements."""

from collections.abc import Iterator, Sequence

from apps.kernel.ids import UserId
from apps.kernel.paging import Page
from apps.ledger import selectors
from apps.ledger.contracts import AccountRef, Balance, Entry, user_owner
from apps.ledger.errors import DebtOpen
from apps.ledger.models import Account

_STATEMENT_PAGE = 500


def balance(*, account: AccountRef) -> Balance:
    """Read one account; zeros when nothing was ever moved into it."""
    return selectors.balances([account])[account]


def balances(*, owner: str, assets: Sequence[str]) -> dict[str, Balance]:
    """Read several accounts of one owner in one query; zeros for those that do not exist."""
    found = selectors.balances([AccountRef(owner, asset) for asset in assets])
    return {ref.asset: amounts for ref, amounts in found.items()}


def check_nothing_owed(*, user_id: UserId) -> DebtOpen | None:
    """Why a member cannot leave yet: an account of theirs owes, and a debt does not follow whoever comes back."""
    is_owing = Account.objects.filter(owner=user_owner(user_id), owed__gt=0).exists()
    return DebtOpen() if is_owing else None


def entries(*, account: AccountRef, cursor: str | None, size: int = 20) -> Page[Entry]:
    """Page through a user account's movements, newest first.

    Raises CursorNotValid. System accounts have no statement: theirs is everybody's.
    """
    return selectors.entries(account, cursor, size)


def statement(*, account: AccountRef) -> Iterator[Entry]:
    """All movements of a user account, newest first, read a page at a time; none of a system account."""
    cursor: str | None = None
    while True:
        page = selectors.entries(account, cursor, _STATEMENT_PAGE)
        yield from page.items
        if page.next is None:
            return
        cursor = page.next
