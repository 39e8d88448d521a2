"""Keys, second factors and backup codes stay what they were made; what has ended never comes back.

Operators of the time before `createsuperuser` left a trail are entered in it: the audit knows operators by it.
"""

from django.db import migrations

from apps.kernel import clock
from apps.kernel.append_only import columns_never_change

KEY = (
    "id", "created_at", "user_id", "name", "prefix", "key_hash", "scopes", "allowed_networks", "allowed_models",
    "spend_cap_milli", "expires_at",
)


def enter_operators(apps, schema_editor):
    User, AuditEntry = apps.get_model("accounts", "User"), apps.get_model("kernel", "AuditEntry")
    entered = set(AuditEntry.objects.filter(action="accounts.create_operator").values_list("target_id", flat=True))
    for user in User.objects.filter(is_staff=True).order_by("pk"):
        if str(user.pk) not in entered:
            names = sorted(user.groups.values_list("name", flat=True))
            AuditEntry.objects.create(
                actor="system",
                action="accounts.create_operator",
                target_type="user",
                target_id=str(user.pk),
                reason="was there before the trail",
                after={"username": user.username, "roles": None if user.is_superuser else names},
                created_at=clock.now(),
            )


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0009_number_on_the_page"),
        ("kernel", "0006_proposals_are_not_replaced"),
    ]

    operations = [
        migrations.RunPython(enter_operators, migrations.RunPython.noop, elidable=False),
        columns_never_change("accounts_apikey", *KEY, once=("revoked_at",)),
        columns_never_change(
            "accounts_secondfactor", "id", "created_at", "user_id", "secret_sealed", once=("confirmed_at",)
        ),
        columns_never_change("accounts_backupcode", "id", "created_at", "user_id", "code_hash", once=("used_at",)),
    ]
