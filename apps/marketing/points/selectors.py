"""A member's balances in the ledger and how they came about: of points, and of whatever else is counted there."""

from collections.abc import Iterator
from typing import Any

from apps.kernel.ids import UserId
from apps.ledger import services as ledger


def available(user_id: UserId, *assets: str) -> dict[str, int]:
    """What a member can spend of each asset."""
    found = ledger.balances(owner=ledger.user_owner(user_id), assets=assets)
    return {asset: balance.available for asset, balance in found.items()}


def statement(user_id: UserId, asset: str) -> Iterator[dict[str, Any]]:
    """Every movement of an asset as the member takes it away, newest first."""
    for entry in ledger.statement(account=ledger.user_account(user_id, asset)):
        yield {
            "id": entry.id,
            "amount": entry.amount,
            "kind": entry.kind,
            "balance_after": entry.balance_after,
            "created_at": entry.created_at,
        }
