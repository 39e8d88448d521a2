"""What lets members in and what holds them back, for operators: looked at, and ended with a reason."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts import services
from apps.accounts.models import ApiKey, ListEntry, LoginEvent, MemberSession
from apps.kernel import clock
from apps.kernel.admin import ReadOnlyAdmin, actor, reason_action


@admin.register(MemberSession)
class MemberSessionAdmin(ReadOnlyAdmin):
    """Browsers in which somebody is signed in, or was."""

    list_display = ("user", "browser", "network", "method", "created_at", "last_seen_at", "revoked_at")
    list_filter = ("method",)
    list_select_related = ("user",)
    search_fields = ("=user__id",)
    ordering = ("-id",)
    fields = ("id", *list_display)
    actions = ("revoke",)

    @reason_action(description=gettext_lazy("Sign out"), permission="accounts.revoke_membersession")
    def revoke(self, request: HttpRequest, queryset: QuerySet[MemberSession], reason: str) -> None:
        """End the chosen sessions at once."""
        for session_id in queryset.values_list("pk", flat=True):
            services.revoke_session_as_operator(
                session_id=session_id, actor=actor(request), reason=reason, now=clock.now()
            )
        self.message_user(request, _("Done."))


@admin.register(LoginEvent)
class LoginEventAdmin(ReadOnlyAdmin):
    """Sign-ins of the last half year."""

    list_display = ("created_at", "user", "method", "outcome", "browser", "network")
    list_filter = ("outcome", "method")
    list_select_related = ("user",)
    search_fields = ("=user__id",)
    ordering = ("-id",)


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Keys for programs: what they may do and what they spent. The key itself is nowhere."""

    list_display = ("user", "name", "prefix", "scopes", "spent_milli", "expires_at", "last_used_at", "revoked_at")
    list_select_related = ("user",)
    search_fields = ("=user__id", "=prefix")
    ordering = ("-id",)
    fields = ("id", *list_display, "allowed_networks", "allowed_models", "spend_cap_milli", "created_at")
    actions = ("revoke",)

    @reason_action(description=gettext_lazy("Revoke"), permission="accounts.revoke_apikey")
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey], reason: str) -> None:
        """End the chosen keys at once and for good."""
        for key_id in queryset.values_list("pk", flat=True):
            services.revoke_api_key_as_operator(key_id=key_id, actor=actor(request), reason=reason, now=clock.now())
        self.message_user(request, _("Done."))


@admin.register(ListEntry)
class ListEntryAdmin(ReadOnlyAdmin):
    """Who is or was on which list, and why. Entries are made and ended on the members' page."""

    list_display = ("user", "kind", "scope", "reason", "created_by", "created_at", "expires_at", "ended_at")
    list_filter = ("kind", "scope")
    list_select_related = ("user",)
    search_fields = ("=user__id",)
    ordering = ("-id",)
