"""The door of chat: ask, follow, stop; conversations; quota; configuration; and the verbs of the engine."""

from apps.chat.services.asking import ask, regenerate
from apps.chat.services.catalogue import check_models, save_channel, save_model, save_policy
from apps.chat.services.conversations import change_conversation, create_conversation, delete_conversation
from apps.chat.services.own_data import (
    check_nothing_runs,
    erase_texts,
    export_conversations,
    export_entitlements,
    export_messages,
    export_quota_entries,
)
from apps.chat.services.quota import (
    grant_entitlement,
    grant_quota,
    local_day,
    models_for,
    quota_entries,
    quota_of,
)
from apps.chat.services.settling import settle_abandoned, stop
from apps.chat.services.working import claim, finish, follow, keep, stop_requests

__all__ = [
    "ask",
    "change_conversation",
    "check_models",
    "check_nothing_runs",
    "claim",
    "create_conversation",
    "delete_conversation",
    "erase_texts",
    "export_conversations",
    "export_entitlements",
    "export_messages",
    "export_quota_entries",
    "finish",
    "follow",
    "grant_entitlement",
    "grant_quota",
    "keep",
    "local_day",
    "models_for",
    "quota_entries",
    "quota_of",
    "regenerate",
    "save_channel",
    "save_model",
    "save_policy",
    "settle_abandoned",
    "stop",
    "stop_requests",
]
