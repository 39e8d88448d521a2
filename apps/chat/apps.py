"""Chat: models, conversations, generations, quota."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ChatConfig(AppConfig):
    """The chat app."""

    name = "apps.chat"
    label = "chat"
    verbose_name = _("Chat")

    def ready(self) -> None:
        """Declare the switch and what operators configure; register the audit checks and what accounts asks of chat."""
        from apps.accounts import services as accounts
        from apps.chat.engine import kinds
        from apps.chat.registries import CHANNELS, RULES
        from apps.chat.rules import admission, word_lists

        for kind in kinds.ALL:
            CHANNELS.register(kind)
        # In the order in which they are asked, unless operators say otherwise.
        for rule in (
            admission.Size(),
            admission.AccessLimit(),
            admission.Frequency(),
            admission.KeyFrequency(),
            admission.BlackList(),
            word_lists.SensitiveWords(),
            admission.SystemPrompts(),
            admission.AccountStatus(),
            admission.ModelPermission(),
            admission.Quota(),
        ):
            RULES.register(rule)

        from apps.chat import handlers, invariants, movements, trails  # noqa: F401  # these register themselves
        from apps.chat import services as chat
        from apps.chat.models import (
            BlockedNetwork,
            Channel,
            ChannelKey,
            ChatModel,
            ChatPolicy,
            ChatRule,
            ImageRate,
            ModelPrice,
            Route,
            RouteCost,
            Starter,
            WordList,
        )
        from apps.kernel import configuration, lost_keys, metrics, switches
        from apps.ledger import services as ledger

        configuration.declare(Channel, named_by="code")
        configuration.declare(ChatModel, actions=("chat.save_model",), nouns=("model",), named_by="code")
        # Keys of before they were rows are said with their channel.
        configuration.declare(ChannelKey, unsaid={})
        # Routes of before they were rows are said with their model.
        configuration.declare(Route, unsaid={})
        configuration.declare(RouteCost, actions=("chat.save_route_cost",), named_by="code")
        # Prices of before they were versions are said with their model.
        configuration.declare(ModelPrice, actions=("chat.save_price",), nouns=("price",), named_by="code", unsaid={})
        configuration.declare(ImageRate, named_by="code")
        configuration.declare(
            ChatPolicy, actions=("chat.save_policy",), nouns=("policy",), unsaid={"allows_own_addresses": False}
        )
        configuration.declare(Starter, actions=("chat.save_starter",), nouns=("starter",), named_by="code")
        configuration.declare(WordList, actions=("chat.save_word_list",), nouns=("word_list",), named_by="code")
        configuration.declare(
            ChatRule,
            actions=("chat.save_rule",),
            nouns=("rule",),
            named_by="code",
            unsaid={"is_on": True, "place": None},
        )
        configuration.declare(BlockedNetwork, actions=("chat.save_network",), nouns=("network",), named_by="network")
        switches.declare("chat.enabled", _("New messages and regenerated answers; running answers go on."))

        lost_keys.on_loss("own_key", chat.remove_lost_own_keys)
        metrics.register_counts(
            "chatloop_chat_refusals", "questions that a rule refused", label="rule", read=chat.refusals_by_rule
        )

        metrics.register_gauge(
            "chatloop_chat_channel_left_alone",
            "whether a channel that is on is left alone for its failures",
            label="channel",
            read=chat.channels_left_alone,
        )
        metrics.register_gauge(
            "chatloop_chat_keys_asleep", "keys that their provider refuses", label="reason", read=chat.keys_asleep
        )
        metrics.register_gauge(
            "chatloop_chat_answers_running",
            "answers being written",
            label="channel",
            read=lambda: chat.answers_running() or {},
        )

        accounts.register_export("conversations", chat.export_conversations)
        accounts.register_export("messages", chat.export_messages)
        accounts.register_export("generations", chat.export_generations)
        accounts.register_export("pictures", chat.export_pictures)
        accounts.register_export_files("pictures", chat.export_picture_files)
        accounts.register_export("quota_entries", chat.export_quota_entries)
        accounts.register_export("entitlements", chat.export_entitlements)
        accounts.register_export("own_keys", chat.export_own_keys)
        accounts.register_export("own_prompts", chat.export_own_prompts)
        accounts.register_export("reports", chat.export_reports)
        accounts.register_export("AIGC", chat.label_of_archive)
        accounts.register_closing_check(chat.check_nothing_runs)
        # Here, because the ledger does not know accounts; it looks at points as well.
        accounts.register_closing_check(ledger.check_nothing_owed)
        accounts.register_closing_step(chat.erase_texts)
        accounts.register_closing_step(chat.erase_own_keys)
        accounts.register_closing_step(chat.erase_own_prompts)
