"""Chat: models, conversations, generations, quota."""

from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ChatConfig(AppConfig):
    """The chat app."""

    name = "apps.chat"
    label = "chat"
    verbose_name = _("Chat")

    def ready(self) -> None:
        """Declare the switch, register the audit checks, the commands and what accounts asks of chat."""
        from apps.kernel import switches

        switches.declare("chat.enabled", _("New messages and regenerated answers; running answers go on."))
        import_module("apps.chat.invariants")
        import_module("apps.chat.handlers")
        from apps.accounts import services as accounts
        from apps.chat import services as chat

        accounts.register_export("conversations", chat.export_conversations)
        accounts.register_export("messages", chat.export_messages)
        accounts.register_export("quota_entries", chat.export_quota_entries)
        accounts.register_export("entitlements", chat.export_entitlements)
        accounts.register_closing_check(chat.check_nothing_runs)
        accounts.register_closing_step(chat.erase_texts)
