"""What is once, or limited, per member hangs on the person: an account is closed and made again within a second."""

from collections.abc import Iterator

from django.apps import apps
from django.conf import settings
from django.db import models

# Unique keys that begin again with the next account, and why they may.
PER_ACCOUNT = {
    "accounts_backupcode_once_per_user": "operators' codes; operators do not close their accounts",
    "accounts_secondfactor.user": "the same",
    "accounts_wechatidentity_one_per_app": "identities are deleted with their account",
    "chat_entitlement_numbered": "a right that was bought or given; it is lost with the account",
    "chat_entitlement_once_per_cause": "the same",
    "chat_ownkey_once_per_kind": "a member's own key, which is erased with the account",
    "chat_ownprompt_client_id_once": "names the act of keeping a prompt, which is erased with the account",
    "chat_message_client_id_once": "names an act, so that its repeat is known",
    "marketing_draw_once_per_request": "the same",
    "marketing_exchangeorder_once_per_request": "the same",
    "orders_order_once_per_request": "the same",
    "orders_order_one_open_per_offer": "nobody leaves while an order is open",
}


def _unique_keys() -> Iterator[tuple[str, set[str]]]:
    """Every unique key of ours by name, with its fields."""
    for model in apps.get_models():
        if not model.__module__.startswith("apps."):
            continue
        for constraint in model._meta.constraints:
            if isinstance(constraint, models.UniqueConstraint):
                yield constraint.name, set(constraint.fields)
        for field in model._meta.local_fields:
            if field.unique and not field.primary_key:
                yield f"{model._meta.db_table}.{field.name}", {field.name}


def test_what_is_unique_per_member_is_unique_per_person() -> None:
    members = {
        field.name
        for model in apps.get_models()
        for field in model._meta.local_fields
        if field.is_relation and field.related_model is apps.get_model(settings.AUTH_USER_MODEL)
    }

    per_account = {name for name, fields in _unique_keys() if fields & members}

    assert per_account == set(PER_ACCOUNT)
