"""Whose account, identity, session, sign-in and list entry something is never changes, nor what it gives.

Sessions are given new keys, sign-in codes are replaced, what was hashed under a former key is hashed again when it is met,
and a person's hash is made anew with another secret or erased.
"""

from django.db import migrations, models

from apps.kernel.append_only import columns_never_change

ENTRY = ("id", "created_at", "person_id", "user_id", "kind", "scope", "reason", "created_by", "expires_at")
SESSION = ("id", "created_at", "user_id", "attempt_id", "method", "browser", "network")
ATTEMPT = (
    "id", "created_at", "browser_hash", "scene_hash", "max_tries", "expires_at", "invite_code", "browser", "network",
    "confirm_number",
)
SIGN_IN = ("id", "created_at", "user_id", "method", "outcome", "browser", "network")


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0011_second_factors_are_resealed"),
        ("kernel", "0006_proposals_are_not_replaced"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="wechatidentity",
            constraint=models.UniqueConstraint(
                fields=["user", "app_id"],
                condition=models.Q(user__isnull=False),
                name="accounts_wechatidentity_one_per_app",
            ),
        ),
        columns_never_change(
            "accounts_person",
            "id",
            "created_at",
            refused=("OLD.key_id = NEW.key_id AND OLD.key_hash <> NEW.key_hash",),
        ),
        columns_never_change("accounts_user", "id", "created_at", "person_id"),
        columns_never_change("accounts_wechatidentity", "id", "created_at", "app_id", "openid", once=("user_id",)),
        columns_never_change("accounts_listentry", *ENTRY, once=("ended_at",)),
        columns_never_change("accounts_membersession", *SESSION, once=("revoked_at",)),
        columns_never_change("accounts_loginattempt", *ATTEMPT, once=("user_id",)),
        columns_never_change("accounts_logincode", "id", "identity_id"),
        columns_never_change("accounts_loginevent", *SIGN_IN),
        columns_never_change("accounts_usedsignature", "id", "created_at", "use_hash"),
        columns_never_change("accounts_callbackmessage", "id", "created_at"),
    ]
