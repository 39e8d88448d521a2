"""Members and operators: look, search, freeze, list, give roles. No openid is shown or searched in full."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminSplitDateTime
from django.contrib.auth.models import Group
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts import services
from apps.accounts.contracts import ListKind, ListScope, MemberStatus
from apps.accounts.errors import PasswordNotGood, UsernameTaken
from apps.accounts.models import Role, User, WeChatIdentity
from apps.kernel import clock
from apps.kernel.admin import (
    ACT,
    Happening,
    ReadOnlyAdmin,
    ReasonedForm,
    ReasonForm,
    Task,
    actor,
    name_codes,
    reason_action,
    tell,
)
from apps.kernel.errors import DomainError
from apps.kernel.ids import UserId

# What a member can read out. Fewer signs would find many people; more would make the whole openid a thing to search by.
_SUFFIX_LENGTHS = range(4, 9)


class ListForm(ReasonForm):
    """Which list, about what, how long and why."""

    kind = forms.ChoiceField(choices=ListKind.choices, label=gettext_lazy("List"))
    scope = forms.ChoiceField(choices=ListScope.choices, label=gettext_lazy("About"))
    expires_at = forms.SplitDateTimeField(
        required=False,
        widget=AdminSplitDateTime,
        label=gettext_lazy("Until"),
        help_text=gettext_lazy("Empty: until somebody takes the member off the list."),
    )


class UnlistForm(ReasonForm):
    """Which entry ends, and why."""

    kind = forms.ChoiceField(choices=ListKind.choices, label=gettext_lazy("List"))
    scope = forms.ChoiceField(choices=ListScope.choices, label=gettext_lazy("About"))


class RolesForm(ReasonForm):
    """All roles that the operator shall have; none is allowed too."""

    roles = forms.ModelMultipleChoiceField(
        queryset=Group.objects.order_by("name"),
        required=False,
        to_field_name="name",
        widget=forms.CheckboxSelectMultiple,
        label=gettext_lazy("Roles"),
    )


class OperatorForm(ReasonedForm):
    """A new operator; members come by signing in."""

    username = forms.CharField(max_length=64, label=gettext_lazy("User name"))
    password = forms.CharField(
        max_length=200,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        label=gettext_lazy("Password"),
    )
    roles = RolesForm.base_fields["roles"]

    class Meta:
        model = User
        fields = ("username",)


def _is_open(row: User) -> bool:
    return row.status != MemberStatus.CLOSED


def _beginning(request: HttpRequest, member: User) -> Iterable[Happening]:
    yield Happening(at=member.created_at, title=_("The account was made"))


tell("accounts.user", "accounts.view_user", _beginning)


name_codes(
    ACT,
    {
        "accounts.add_second_factor": gettext_lazy("Set up a second factor"),
        "accounts.change_password": gettext_lazy("Changed a password"),
        "accounts.close": gettext_lazy("Closed an account"),
        "accounts.create_operator": gettext_lazy("Made an operator"),
        "accounts.forget_person_key": gettext_lazy("Gave up a lost key of persons"),
        "accounts.freeze": gettext_lazy("Froze a member"),
        "accounts.list_member": gettext_lazy("Put on a list"),
        "accounts.remove_second_factor": gettext_lazy("Removed a second factor"),
        "accounts.revoke_api_key": gettext_lazy("Revoked an API key"),
        "accounts.revoke_session": gettext_lazy("Ended a session"),
        "accounts.set_roles": gettext_lazy("Changed an operator's roles"),
        "accounts.unfreeze": gettext_lazy("Unfroze a member"),
        "accounts.unlist_member": gettext_lazy("Took off a list"),
    }.get,
)


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    """Members and operators."""

    task = Task.MEMBERS
    is_first = True
    badges: ClassVar = {
        "status": {MemberStatus.ACTIVE: "ok", MemberStatus.FROZEN: "warn"},
    }
    form = OperatorForm
    refused_fields: ClassVar = {PasswordNotGood: "password", UsernameTaken: "username"}
    list_display = ("nickname", "id", "status", "is_staff", "created_at", "last_login")
    list_filter = ("status", "is_staff")
    search_fields = ("nickname",)
    search_help_text = gettext_lazy("Nickname, whole id, or the last four to eight letters of an openid")
    ordering = ("-id",)
    fields = (
        "id",
        "nickname",
        "status",
        "wechat",
        "language",
        "username",
        "is_staff",
        "roles",
        "created_at",
        "last_login",
    )
    actions = ("freeze", "unfreeze", "put_on_list", "take_off_list", "set_roles", "remove_second_factor")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Operators are added here, by who may give them roles."""
        return bool(request.user.has_perm("accounts.assign_user"))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        """The form of a new operator; people who are there already are only looked at."""
        return super().get_form(request, obj, change, **({} if obj is None else {"form": forms.ModelForm}), **options)

    def explain(self, refusal: DomainError) -> str:
        """What is wrong with a password is said in words."""
        return str(refusal.context["problems"]) if isinstance(refusal, PasswordNotGood) else super().explain(refusal)

    def get_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """What a new operator needs, or what is shown of a person."""
        return ("username", "password", "roles", "reason") if obj is None else self.fields

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Make the operator through the service."""
        values = form.cleaned_data
        made = services.create_operator(
            username=values["username"],
            password=values["password"],
            roles=tuple(values["roles"].values_list("name", flat=True)),
            actor=actor(request),
            reason=values["reason"],
            now=clock.now(),
        )
        obj.pk = made.id
        obj.nickname = made.nickname

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[User], search_term: str
    ) -> tuple[QuerySet[User], bool]:
        """By nickname, by whole id, or by the end of an openid."""
        term = search_term.strip()
        if not term:
            return queryset, False
        found = Q(nickname__icontains=term)
        if len(term) in _SUFFIX_LENGTHS:
            owners = WeChatIdentity.objects.filter(openid__endswith=term)
            found |= Q(pk__in=owners.values("user_id"))
        with suppress(ValueError):
            found |= Q(pk=UUID(term))
        return queryset.filter(found), False

    @admin.display(description=gettext_lazy("WeChat"))
    def wechat(self, row: User) -> str:
        """The last four letters of each openid, enough to compare with what a member reads out."""
        return ", ".join(str(identity) for identity in WeChatIdentity.objects.filter(user=row)) or "—"

    @admin.display(description=gettext_lazy("Roles"))
    def roles(self, row: User) -> str:
        """The operator's roles."""
        return ", ".join(row.groups.order_by("name").values_list("name", flat=True)) or "—"

    @reason_action(
        description=gettext_lazy("Freeze: may look, may not chat, pay or draw"),
        permission="accounts.freeze_user",
        when=lambda row: row.status == MemberStatus.ACTIVE,
    )
    def freeze(self, request: HttpRequest, queryset: QuerySet[User], reason: str) -> None:
        """Freeze the chosen members."""
        for user_id in _ids(queryset):
            services.freeze(user_id=user_id, actor=actor(request), reason=reason, now=clock.now())
        self.message_user(request, _("Done."))

    @reason_action(
        description=gettext_lazy("Unfreeze"),
        permission="accounts.freeze_user",
        when=lambda row: row.status == MemberStatus.FROZEN,
    )
    def unfreeze(self, request: HttpRequest, queryset: QuerySet[User], reason: str) -> None:
        """Let the chosen members act again."""
        for user_id in _ids(queryset):
            services.unfreeze(user_id=user_id, actor=actor(request), reason=reason, now=clock.now())
        self.message_user(request, _("Done."))

    @reason_action(
        description=gettext_lazy("Put on a list"), permission="accounts.manage_listentry", form=ListForm, when=_is_open
    )
    def put_on_list(self, request: HttpRequest, queryset: QuerySet[User], reason: str, **entry: Any) -> None:
        """White or black, for one scope, until a time or for good."""
        for user_id in _ids(queryset):
            services.list_member(
                user_id=user_id,
                kind=ListKind(entry["kind"]),
                scope=ListScope(entry["scope"]),
                expires_at=entry["expires_at"],
                actor=actor(request),
                reason=reason,
                now=clock.now(),
            )
        self.message_user(request, _("Done."))

    @reason_action(
        description=gettext_lazy("Take off a list"),
        permission="accounts.manage_listentry",
        form=UnlistForm,
        when=_is_open,
    )
    def take_off_list(self, request: HttpRequest, queryset: QuerySet[User], reason: str, **entry: Any) -> None:
        """End the open entries."""
        for user_id in _ids(queryset):
            services.unlist_member(
                user_id=user_id,
                kind=ListKind(entry["kind"]),
                scope=ListScope(entry["scope"]),
                actor=actor(request),
                reason=reason,
                now=clock.now(),
            )
        self.message_user(request, _("Done."))

    @reason_action(
        description=gettext_lazy("Set an operator's roles"),
        permission="accounts.assign_user",
        form=RolesForm,
        when=lambda row: row.is_staff,
    )
    def set_roles(self, request: HttpRequest, queryset: QuerySet[User], reason: str, roles: QuerySet[Group]) -> None:
        """These and no others."""
        names = tuple(roles.values_list("name", flat=True))
        for user_id in _ids(queryset):
            services.set_roles(user_id=user_id, roles=names, actor=actor(request), reason=reason, now=clock.now())
        self.message_user(request, _("Done."))

    @reason_action(
        description=gettext_lazy("Remove the second factor of an operator"),
        permission="accounts.remove_secondfactor",
        when=lambda row: services.has_second_factor(user_id=UserId(row.pk)),
    )
    def remove_second_factor(self, request: HttpRequest, queryset: QuerySet[User], reason: str) -> None:
        """For who lost both the phone and the backup codes."""
        for user_id in _ids(queryset):
            services.remove_second_factor(user_id=user_id, actor=actor(request), reason=reason, now=clock.now())
        self.message_user(request, _("Done."))


def _ids(queryset: QuerySet[User]) -> list[UserId]:
    return [UserId(pk) for pk in queryset.values_list("pk", flat=True)]


admin.site.unregister(Group)


@admin.register(Role)
class RoleAdmin(ReadOnlyAdmin):
    """What each role may do; roles change by migration."""

    list_display = ("name",)
    fields = ("name", "may")
    ordering = ("name",)

    @admin.display(description=gettext_lazy("Permissions"))
    def may(self, row: Role) -> str:
        """The permissions, one after the other."""
        pairs = row.permissions.order_by("content_type__app_label", "codename")
        return ", ".join(f"{app}.{name}" for app, name in pairs.values_list("content_type__app_label", "codename"))
