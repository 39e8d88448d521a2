"""Accounts, movements, holds and lots. Triggers refuse what must never change (migrations 0002 and 0004)."""

from django.db import models
from django.db.models import F, Q
from django.db.models.lookups import IsNull
from django.utils.translation import gettext_lazy as _

from apps.kernel.ids import new_id
from apps.kernel.models import Row
from apps.ledger.contracts import AccountRef, HoldState, Purse


class Account(models.Model):
    """Who owns how much of one asset.

    The key is computed from owner and asset (AccountRef.id), which makes the pair unique without a
    second index. System accounts keep no balance, so that no row is touched by everybody.
    What is owed is paid by whatever becomes free. No lot with something left ends before `next_end_at`, so that a
    movement sees in its own row whether a lot has ended.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    owner = models.CharField(_("owner"), max_length=80)
    asset = models.CharField(_("asset"), max_length=80)
    is_system = models.BooleanField(_("system account"))
    balance = models.BigIntegerField(_("balance"))
    held = models.BigIntegerField(_("on hold"))
    owed = models.BigIntegerField(_("owed"), default=0, db_default=0)
    next_end_at = models.DateTimeField(_("next end"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        constraints = [
            models.CheckConstraint(condition=Q(held__gte=0), name="ledger_account_held_not_negative"),
            models.CheckConstraint(condition=Q(balance__gte=F("held")), name="ledger_account_available_not_negative"),
            models.CheckConstraint(
                condition=Q(is_system=False) | Q(balance=0, held=0), name="ledger_account_system_keeps_no_balance"
            ),
            models.CheckConstraint(
                condition=Q(owed=0) | Q(owed__gt=0, is_system=False), name="ledger_account_owed_not_negative"
            ),
        ]
        indexes = [
            # The sweep of ended lots. No column that every movement changes: PostgreSQL would write all indexes anew.
            models.Index(
                fields=["next_end_at"], condition=Q(next_end_at__isnull=False), name="ledger_account_by_next_end"
            ),
            # Operators look up the accounts of one person.
            models.Index(fields=["owner"], name="ledger_account_by_owner"),
        ]

    def __str__(self) -> str:
        return f"{self.owner} {self.asset}"

    @property
    def ref(self) -> AccountRef:
        """The account's name."""
        return AccountRef(self.owner, self.asset)


class Transfer(Row):
    """One movement from the debited to the credited account; never changed, never deleted.

    The keys of the two accounts carry no database constraint: checking one would write a share lock
    into the system account's row with every movement of everybody. Accounts are never deleted
    (trigger) and the audit finds a movement without its account.
    """

    debit = models.ForeignKey(
        Account,
        verbose_name=_("debited account"),
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    credit = models.ForeignKey(
        Account,
        verbose_name=_("credited account"),
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    asset = models.CharField(_("asset"), max_length=80)
    amount = models.BigIntegerField(_("amount"))
    kind = models.CharField(_("kind"), max_length=80)
    cause_type = models.CharField(_("cause type"), max_length=80)
    cause_id = models.CharField(_("cause ID"), max_length=200)
    leg = models.CharField(_("leg"), max_length=40)
    debit_balance_after = models.BigIntegerField(_("debited balance after"), null=True)
    credit_balance_after = models.BigIntegerField(_("credited balance after"), null=True)

    class Meta:
        verbose_name = _("transfer")
        verbose_name_plural = _("transfers")
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="ledger_transfer_amount_positive"),
            models.CheckConstraint(condition=~Q(debit=F("credit")), name="ledger_transfer_two_accounts"),
            models.CheckConstraint(
                condition=~Q(cause_type="") & ~Q(cause_id="") & ~Q(leg=""), name="ledger_transfer_has_cause"
            ),
            # The id comes first because operators search by it alone.
            models.UniqueConstraint(fields=["cause_id", "cause_type", "leg"], name="ledger_transfer_once_per_cause"),
        ]
        indexes = [
            # A user's statement, one index per side. System accounts stay out: each would be one hot end of an index.
            models.Index(
                fields=["debit", "id"],
                condition=Q(debit_balance_after__isnull=False),
                name="ledger_transfer_out_of_user",
            ),
            models.Index(
                fields=["credit", "id"],
                condition=Q(credit_balance_after__isnull=False),
                name="ledger_transfer_into_user",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount} {self.asset}"


class Entry(models.Model):
    """A movement as one of its two accounts sees it: a database view over transfers (migration 0002).

    The id is the transfer's: unique within an account. System accounts have no balance_after.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    account = models.ForeignKey(Account, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False)
    asset = models.CharField(max_length=80)
    amount = models.BigIntegerField()
    kind = models.CharField(max_length=80)
    cause_type = models.CharField(max_length=80)
    cause_id = models.CharField(max_length=200)
    balance_after = models.BigIntegerField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("entry")
        verbose_name_plural = _("entries")
        managed = False

    def __str__(self) -> str:
        return f"{self.kind} {self.amount:+} {self.asset}"


class Hold(Row):
    """An amount of a user's account that waits to be posted or released; resolved once (trigger)."""

    account = models.ForeignKey(
        Account, verbose_name=_("account"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    amount = models.BigIntegerField(_("amount"))
    posted_amount = models.BigIntegerField(_("posted amount"), default=0)
    state = models.CharField(_("state"), max_length=8, choices=HoldState, default=HoldState.PENDING)
    kind = models.CharField(_("kind"), max_length=80)
    cause_type = models.CharField(_("cause type"), max_length=80)
    cause_id = models.CharField(_("cause ID"), max_length=200)
    deadline_at = models.DateTimeField(_("deadline"))
    resolved_at = models.DateTimeField(_("resolved at"), null=True, blank=True)

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="ledger_hold_amount_positive"),
            models.CheckConstraint(
                condition=Q(posted_amount__gte=0, posted_amount__lte=F("amount")),
                name="ledger_hold_posted_within_amount",
            ),
            models.CheckConstraint(condition=Q(state__in=HoldState.values), name="ledger_hold_state_known"),
            models.CheckConstraint(
                condition=Q(state=HoldState.POSTED, posted_amount__gt=0)
                | (~Q(state=HoldState.POSTED) & Q(posted_amount=0)),
                name="ledger_hold_posted_amount_matches_state",
            ),
            models.CheckConstraint(
                condition=Q(state=HoldState.PENDING, resolved_at=None)
                | (~Q(state=HoldState.PENDING) & Q(resolved_at__isnull=False)),
                name="ledger_hold_resolved_at_matches_state",
            ),
            models.CheckConstraint(condition=~Q(cause_type="") & ~Q(cause_id=""), name="ledger_hold_has_cause"),
            models.UniqueConstraint(fields=["cause_id", "cause_type"], name="ledger_hold_once_per_cause"),
        ]
        indexes = [
            # Sweepers and the audit ask only for pending ones; the index stays as small as what is under way.
            models.Index(fields=["deadline_at"], condition=Q(state=HoldState.PENDING), name="ledger_hold_pending"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount} {self.state}"


class Lot(models.Model):
    """One grant and what is left of it. Only `remaining` changes, and only while the account's row is locked."""

    # The movement that granted it: it has the cause, and its key is made while the account is locked.
    transfer = models.OneToOneField(
        Transfer, verbose_name=_("transfer"), on_delete=models.PROTECT, related_name="+", primary_key=True
    )
    account = models.ForeignKey(
        Account, verbose_name=_("account"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    purse = models.CharField(_("purse"), max_length=4, choices=Purse)
    granted = models.BigIntegerField(_("granted"))
    remaining = models.BigIntegerField(_("left"))
    ends_at = models.DateTimeField(_("ends at"), null=True, blank=True)

    class Meta:
        verbose_name = _("lot")
        verbose_name_plural = _("lots")
        constraints = [
            models.CheckConstraint(condition=Q(granted__gt=0), name="ledger_lot_granted_positive"),
            models.CheckConstraint(
                condition=Q(remaining__gte=0, remaining__lte=F("granted")), name="ledger_lot_remaining_within_granted"
            ),
            models.CheckConstraint(condition=Q(purse__in=Purse.values), name="ledger_lot_purse_known"),
        ]
        indexes = [
            # The order of spending (engine/lots.py). Lots that are used up, the many, stay out of the index.
            models.Index(
                F("account"),
                IsNull(F("ends_at"), True),
                F("ends_at"),
                F("purse"),
                F("transfer"),
                condition=Q(remaining__gt=0),
                name="ledger_lot_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purse} {self.remaining} / {self.granted}"


class Allocation(models.Model):
    """How much of a movement out of an account one of its lots paid; never changed, never deleted."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    transfer = models.ForeignKey(
        Transfer, verbose_name=_("transfer"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    lot = models.ForeignKey(Lot, verbose_name=_("lot"), on_delete=models.PROTECT, related_name="+")
    amount = models.BigIntegerField(_("amount"))

    class Meta:
        verbose_name = _("allocation")
        verbose_name_plural = _("allocations")
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="ledger_allocation_amount_positive"),
            models.UniqueConstraint(fields=["transfer", "lot"], name="ledger_allocation_once_per_lot"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.lot_id}"


class TakeBack(Row):
    """One grant taken back: what was left of its lot, and what the account owes for the rest; never changed."""

    lot = models.OneToOneField(Lot, verbose_name=_("lot"), on_delete=models.PROTECT, related_name="+")
    amount = models.BigIntegerField(_("amount"))
    owed = models.BigIntegerField(_("owed"))
    cause_type = models.CharField(_("cause type"), max_length=80)
    cause_id = models.CharField(_("cause ID"), max_length=200)

    class Meta:
        verbose_name = _("grant taken back")
        verbose_name_plural = _("grants taken back")
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gte=0, owed__gte=0), name="ledger_takeback_amounts_not_negative"
            ),
            models.CheckConstraint(condition=~Q(cause_type="") & ~Q(cause_id=""), name="ledger_takeback_has_cause"),
            models.UniqueConstraint(fields=["cause_id", "cause_type"], name="ledger_takeback_once_per_cause"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} taken, {self.owed} owed"
