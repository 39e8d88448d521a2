"""Operators look at accounts, movements and holds; nobody edits them here or anywhere."""

from django.contrib import admin

from apps.kernel.admin import ReadOnlyAdmin
from apps.ledger.models import Account, Hold, Transfer


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    """Who owns how much; search by the whole owner name, for example user:<id>."""

    list_display = ("owner", "asset", "balance", "held", "is_system", "created_at")
    list_filter = ("is_system",)
    search_fields = ("owner__exact",)


@admin.register(Transfer)
class TransferAdmin(ReadOnlyAdmin):
    """Every movement, the newest first; search by the id of its cause."""

    list_display = ("created_at", "kind", "amount", "asset", "debit", "credit", "cause_type", "cause_id", "leg")
    list_select_related = ("debit", "credit")
    search_fields = ("cause_id__exact",)
    ordering = ("-pk",)


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin):
    """Every hold, the newest first; search by the id of its cause."""

    list_display = ("created_at", "kind", "amount", "posted_amount", "state", "account", "cause_id", "deadline_at")
    list_filter = ("state",)
    list_select_related = ("account",)
    search_fields = ("cause_id__exact",)
    ordering = ("-pk",)
