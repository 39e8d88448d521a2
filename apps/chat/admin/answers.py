"""Jobs, conversations and rights, without a word of what was said."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.chat.contracts import QUOTA, GenerationState, PaidBy
from apps.chat.models import FOR_PROGRAMS, Conversation, Entitlement, Generation
from apps.kernel.admin import (
    SHOWN,
    Happening,
    ReadOnlyAdmin,
    Task,
    name_asset,
    tell,
)
from apps.kernel.templatetags.units import credit_number


def _rights(request: HttpRequest, member: Any) -> Iterable[Happening]:
    for right in Entitlement.objects.filter(user=member).select_related("model").order_by("-pk")[:SHOWN]:
        yield Happening(at=right.created_at, title=_("May use %(model)s") % {"model": right.model.name})


def _attempts(request: HttpRequest, generation: Any) -> Iterable[Happening]:
    """Who was asked, and what came of it; each line stands where its attempt ended."""
    for attempt in generation.attempts.select_related("route__channel", "key").order_by("number")[:SHOWN]:
        facts = [attempt.get_phase_display(), _("%(ms)s ms") % {"ms": attempt.total_ms}]
        if attempt.first_word_ms is not None:
            facts.append(_("first word after %(ms)s ms") % {"ms": attempt.first_word_ms})
        yield Happening(
            at=attempt.created_at,
            title=_("Attempt %(number)s: %(channel)s, key %(key)s: %(outcome)s")
            % {
                "number": attempt.number,
                "channel": attempt.route.channel.code,
                "key": attempt.key or PaidBy.OWN_KEY.label,
                "outcome": attempt.code or _("whole"),
            },
            detail=" · ".join(facts),
            tone="bad" if attempt.code else "ok",
        )


tell("accounts.user", "chat.view_entitlement", _rights)
tell("chat.generation", "chat.view_generation", _attempts)
name_asset(QUOTA, gettext_lazy("Chat quota"), credit_number)


@admin.register(Generation)
class GenerationAdmin(ReadOnlyAdmin):
    """Jobs: what they cost and how they ended, not what they said."""

    task = Task.CHAT
    badges: ClassVar = {
        "state": {
            GenerationState.RUNNING: "jade",
            GenerationState.FINISHED: "ok",
            GenerationState.FAILED: "bad",
            GenerationState.INTERRUPTED: "warn",
        }
    }
    empty_text = gettext_lazy("Every answer will stand here with what it cost, without a word of it.")
    list_display = ("created_at", "user", "model", "state", "paid_by", "charged_milli", "error_code", "settled_at")
    list_filter = ("state", "paid_by", "model")
    search_fields = ("=id", "=user__id")
    exclude = ("message", "lease_token", *FOR_PROGRAMS, "text", "reasoning")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Generation]:
        """Without the texts, which nobody here reads."""
        return super().get_queryset(request).defer(*FOR_PROGRAMS, "text", "reasoning")


@admin.register(Conversation)
class ConversationAdmin(ReadOnlyAdmin):
    """That a conversation exists, not what it is about."""

    task = Task.CHAT
    empty_text = gettext_lazy("Conversations will stand here without a word of them.")
    list_display = ("created_at", "user", "updated_at", "archived_at", "deleted_at")
    search_fields = ("=id", "=user__id")
    fields = ("user", "created_at", "updated_at", "archived_at", "deleted_at")


@admin.register(Entitlement)
class EntitlementAdmin(ReadOnlyAdmin):
    """Who may use which model, and what gave them the right."""

    task = Task.CHAT
    empty_text = gettext_lazy("Models that need a right are bought or won; who has which stands here then.")
    list_display = ("created_at", "user", "model", "cause_type", "cause_id", "days", "ends_at")
    list_filter = ("model",)
    search_fields = ("=user__id",)
