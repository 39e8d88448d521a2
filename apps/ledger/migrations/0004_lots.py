"""Grants are lots; movements out of an account say which lots paid; accounts may owe (docs/adr/0011-lots.md)."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Q
from django.db.models.lookups import IsNull

import apps.kernel.ids
from apps.kernel.append_only import append_only, columns_never_change, keeping_triggers, never_deleted


def key(to, verbose_name, **options):
    """A foreign key that nothing is deleted by, without a way back."""
    return models.ForeignKey(
        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=to, verbose_name=verbose_name, **options
    )


def one_to_one(to, verbose_name, **options):
    """The same, unique."""
    return models.OneToOneField(
        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=to, verbose_name=verbose_name, **options
    )


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_rows_are_not_replaced")]

    operations = [
        *keeping_triggers(
            migrations.AddField(
                model_name="account",
                name="owed",
                field=models.BigIntegerField(db_default=0, default=0, verbose_name="owed"),
            ),
            migrations.AddField(
                model_name="account",
                name="next_end_at",
                field=models.DateTimeField(blank=True, null=True, verbose_name="next end"),
            ),
            migrations.AddConstraint(
                model_name="account",
                constraint=models.CheckConstraint(
                    condition=Q(owed=0) | Q(is_system=False, owed__gt=0), name="ledger_account_owed_not_negative"
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="account",
            index=models.Index(
                condition=Q(next_end_at__isnull=False), fields=["next_end_at"], name="ledger_account_by_next_end"
            ),
        ),
        migrations.CreateModel(
            name="Lot",
            fields=[
                ("transfer", one_to_one("ledger.transfer", "transfer", primary_key=True, serialize=False)),
                ("account", key("ledger.account", "account", db_index=False)),
                (
                    "purse",
                    models.CharField(choices=[("gift", "Gift"), ("paid", "Paid")], max_length=4, verbose_name="purse"),
                ),
                ("granted", models.BigIntegerField(verbose_name="granted")),
                ("remaining", models.BigIntegerField(verbose_name="left")),
                ("ends_at", models.DateTimeField(blank=True, null=True, verbose_name="ends at")),
            ],
            options={
                "verbose_name": "lot",
                "verbose_name_plural": "lots",
                "constraints": [
                    models.CheckConstraint(condition=Q(granted__gt=0), name="ledger_lot_granted_positive"),
                    models.CheckConstraint(
                        condition=Q(remaining__gte=0, remaining__lte=F("granted")),
                        name="ledger_lot_remaining_within_granted",
                    ),
                    models.CheckConstraint(condition=Q(purse__in=["gift", "paid"]), name="ledger_lot_purse_known"),
                ],
                "indexes": [
                    models.Index(
                        F("account"),
                        IsNull(F("ends_at"), True),
                        F("ends_at"),
                        F("purse"),
                        F("transfer"),
                        condition=Q(remaining__gt=0),
                        name="ledger_lot_in_order",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Allocation",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=apps.kernel.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("transfer", key("ledger.transfer", "transfer", db_index=False)),
                ("lot", key("ledger.lot", "lot")),
                ("amount", models.BigIntegerField(verbose_name="amount")),
            ],
            options={
                "verbose_name": "allocation",
                "verbose_name_plural": "allocations",
                "constraints": [
                    models.CheckConstraint(condition=Q(amount__gt=0), name="ledger_allocation_amount_positive"),
                    models.UniqueConstraint(fields=("transfer", "lot"), name="ledger_allocation_once_per_lot"),
                ],
            },
        ),
        migrations.CreateModel(
            name="TakeBack",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=apps.kernel.ids.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("lot", one_to_one("ledger.lot", "lot")),
                ("amount", models.BigIntegerField(verbose_name="amount")),
                ("owed", models.BigIntegerField(verbose_name="owed")),
                ("cause_type", models.CharField(max_length=80, verbose_name="cause type")),
                ("cause_id", models.CharField(max_length=200, verbose_name="cause ID")),
            ],
            options={
                "verbose_name": "grant taken back",
                "verbose_name_plural": "grants taken back",
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(amount__gte=0, owed__gte=0), name="ledger_takeback_amounts_not_negative"
                    ),
                    models.CheckConstraint(
                        condition=~Q(cause_type="") & ~Q(cause_id=""), name="ledger_takeback_has_cause"
                    ),
                    models.UniqueConstraint(fields=("cause_id", "cause_type"), name="ledger_takeback_once_per_cause"),
                ],
            },
        ),
        never_deleted("ledger_lot"),
        columns_never_change("ledger_lot", "transfer_id", "account_id", "purse", "granted", "ends_at"),
        append_only("ledger_allocation"),
        append_only("ledger_takeback"),
    ]
