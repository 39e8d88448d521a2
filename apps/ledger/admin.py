"""Operators look at accounts, movements, holds and lots; nobody edits them here or anywhere."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.kernel.admin import (
    ANYTHING,
    MOVEMENT,
    SHOWN,
    Codes,
    Happening,
    ReadOnlyAdmin,
    amount_in_words,
    asset_in_words,
    link_to,
    tell,
)
from apps.ledger.contracts import HoldState, Purse
from apps.ledger.models import Account, Hold, Lot, Transfer

_KINDS = Codes(MOVEMENT)


def _movements(request: HttpRequest, row: Any) -> Iterable[Happening]:
    """What moved because of a row."""
    for moved in Transfer.objects.filter(cause_id=str(row.pk)).order_by("-pk")[:SHOWN]:
        yield Happening(
            at=moved.created_at,
            title=_KINDS.get(moved.kind) or _("A balance moved"),
            detail=f"{asset_in_words(moved.asset)} {amount_in_words(moved.asset, moved.amount)}",
            address=link_to(request, Transfer, moved.pk),
        )


tell(ANYTHING, "ledger.view_transfer", _movements)


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    """Who owns how much; search by the whole owner name, for example user:<id>."""

    empty_text = gettext_lazy("Who has quota, points or chances, and how much, will stand here.")
    actors = ("owner",)
    amounts = ("balance", "held", "owed")
    asset = "asset"
    list_display = ("owner", "asset", "balance", "held", "owed", "is_system", "created_at")
    list_filter = ("is_system",)
    search_fields = ("owner__exact",)


@admin.register(Transfer)
class TransferAdmin(ReadOnlyAdmin):
    """Every movement, the newest first; search by the id of its cause."""

    empty_text = gettext_lazy("Every movement of a balance will stand here with what caused it.")
    actors = ("debit.owner", "credit.owner")
    amounts = ("amount",)
    asset = "asset"
    words: ClassVar = {"kind": _KINDS}
    list_display = ("created_at", "kind", "amount", "asset", "debit", "credit", "cause_type", "cause_id")
    search_fields = ("cause_id__exact",)
    ordering = ("-pk",)


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin):
    """Every hold, the newest first; search by the id of its cause."""

    empty_text = gettext_lazy("What is reserved for an answer under way will stand here.")
    actors = ("account.owner",)
    amounts = ("amount", "posted_amount")
    asset = "account.asset"
    badges: ClassVar = {"state": {HoldState.PENDING: "jade", HoldState.POSTED: "ok"}}
    words: ClassVar = {"kind": _KINDS}
    list_display = ("created_at", "kind", "amount", "posted_amount", "state", "account", "cause_id", "deadline_at")
    list_filter = ("state",)
    search_fields = ("cause_id__exact",)
    ordering = ("-pk",)


@admin.register(Lot)
class LotAdmin(ReadOnlyAdmin):
    """Every grant that is a lot, the newest first: its purse, what is left of it and when it ends."""

    empty_text = gettext_lazy("Every grant of quota and points will stand here: what is left of it, and until when.")
    actors = ("account.owner",)
    amounts = ("granted", "remaining")
    asset = "account.asset"
    badges: ClassVar = {"purse": {Purse.GIFT: "gold", Purse.PAID: "jade"}}
    list_display = ("transfer", "account", "purse", "granted", "remaining", "ends_at")
    list_filter = ("purse",)
    search_fields = ("account__owner__exact",)
    ordering = ("-pk",)
