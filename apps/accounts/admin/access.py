"""What lets members in and what holds them back, for operators: looked at, and ended with a reason."""

from collections.abc import Iterable
from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts import services
from apps.accounts.contracts import ListKind, LoginOutcome
from apps.accounts.models import ApiKey, ListEntry, LoginEvent, MemberSession, User
from apps.kernel import clock
from apps.kernel.admin import SHOWN, Happening, ReadOnlyAdmin, Task, actor, link_to, reason_action, tell


def _is_live(row: MemberSession | ApiKey) -> bool:
    return row.revoked_at is None


_OUTCOMES = {
    LoginOutcome.SIGNED_IN: "ok",
    LoginOutcome.BLOCKED: "bad",
    LoginOutcome.WRONG_PASSWORD: "warn",
    LoginOutcome.WRONG_SECOND_FACTOR: "warn",
}


def _sign_ins(request: HttpRequest, member: User) -> Iterable[Happening]:
    for event in LoginEvent.objects.filter(user=member).order_by("-pk")[:SHOWN]:
        yield Happening(
            at=event.created_at,
            title=event.get_outcome_display(),
            detail=f"{event.get_method_display()} · {event.browser} · {event.network}",
            tone=_OUTCOMES[LoginOutcome(event.outcome)],
        )


def _lists(request: HttpRequest, member: User) -> Iterable[Happening]:
    for entry in ListEntry.objects.filter(person=member.person_id).order_by("-pk")[:SHOWN]:
        names = f"{entry.get_kind_display()} · {entry.get_scope_display()}"
        address = link_to(request, ListEntry, entry.pk)
        yield Happening(
            at=entry.created_at,
            title=_("Put on a list: %(list)s") % {"list": names},
            detail=entry.reason,
            address=address,
        )
        if entry.ended_at is not None:
            yield Happening(at=entry.ended_at, title=_("Taken off a list: %(list)s") % {"list": names}, address=address)


tell("accounts.user", "accounts.view_loginevent", _sign_ins)
tell("accounts.user", "accounts.view_listentry", _lists)


@admin.register(MemberSession)
class MemberSessionAdmin(ReadOnlyAdmin):
    """Browsers in which somebody is signed in, or was."""

    task = Task.MEMBERS
    empty_text = gettext_lazy("Whoever signs in stands here with their browser, and can be signed out.")
    list_display = ("user", "browser", "network", "method", "created_at", "last_seen_at", "revoked_at")
    list_filter = ("method",)
    search_fields = ("=user__id",)
    ordering = ("-id",)
    fields = ("id", *list_display)
    actions = ("revoke",)

    @reason_action(description=gettext_lazy("Sign out"), permission="accounts.revoke_membersession", when=_is_live)
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

    task = Task.MEMBERS
    badges: ClassVar = {"outcome": _OUTCOMES}
    empty_text = gettext_lazy("Every sign-in of the last half year will stand here, also those that were refused.")
    list_display = ("created_at", "user", "method", "outcome", "browser", "network")
    list_filter = ("outcome", "method")
    search_fields = ("=user__id",)
    ordering = ("-id",)


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Keys for programs: what they may do and what they spent. The key itself is nowhere."""

    task = Task.MEMBERS
    empty_text = gettext_lazy("Members make keys for their programs on their account page; they will stand here.")
    list_display = ("user", "name", "prefix", "scopes", "spent_milli", "expires_at", "last_used_at", "revoked_at")
    search_fields = ("=user__id", "=prefix")
    ordering = ("-id",)
    fields = (
        "id",
        *list_display,
        "allowed_networks",
        "allowed_models",
        "spend_cap_milli",
        "requests_per_minute",
        "tokens_per_minute",
        "max_parallel",
        "created_at",
    )
    actions = ("revoke",)

    @reason_action(description=gettext_lazy("Revoke"), permission="accounts.revoke_apikey", when=_is_live)
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey], reason: str) -> None:
        """End the chosen keys at once and for good."""
        for key_id in queryset.values_list("pk", flat=True):
            services.revoke_api_key_as_operator(key_id=key_id, actor=actor(request), reason=reason, now=clock.now())
        self.message_user(request, _("Done."))


@admin.register(ListEntry)
class ListEntryAdmin(ReadOnlyAdmin):
    """Who is or was on which list, and why. Entries are made and ended on the members' page."""

    task = Task.MEMBERS
    badges: ClassVar = {"kind": {ListKind.WHITE: "ok", ListKind.BLACK: "bad"}}
    actors = ("created_by",)
    empty_text = gettext_lazy("Nobody is on a list. Choose a member under Members and operators, then Put on a list.")
    list_display = ("user", "kind", "scope", "reason", "created_by", "created_at", "expires_at", "ended_at")
    list_filter = ("kind", "scope")
    search_fields = ("=user__id",)
    ordering = ("-id",)
