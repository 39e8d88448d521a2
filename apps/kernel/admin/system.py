"""The kernel's own pages: the trail, deliveries between the apps, switches, and what waits for a second person."""

from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.kernel import approvals, clock, outbox, switches
from apps.kernel.admin.bases import ReadOnlyAdmin
from apps.kernel.admin.navigation import Task
from apps.kernel.admin.reasons import actor, reason_action
from apps.kernel.admin.words import ACT, Codes, name_codes
from apps.kernel.models import AuditEntry, DeliveryState, OutboxDelivery, Proposal, ProposalState, Switch


def _is_dead(row: OutboxDelivery) -> bool:
    return row.state == DeliveryState.DEAD


def _is_open(row: Proposal) -> bool:
    return row.state == ProposalState.OPEN


name_codes(
    ACT,
    {
        "kernel.approve": gettext_lazy("Approved a proposal"),
        "kernel.forget_sealing_key": gettext_lazy("Gave up a lost sealing key"),
        "kernel.propose": gettext_lazy("Proposed"),
        "kernel.reject": gettext_lazy("Rejected a proposal"),
        "kernel.replay_delivery": gettext_lazy("Delivered an event again"),
    }.get,
)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who did what, when and why."""

    list_display = ("created_at", "actor", "action", "target_type", "target_id", "reason")
    actors = ("actor",)
    words: ClassVar = {"action": Codes(ACT)}
    list_filter = ("action",)
    empty_text = gettext_lazy("Whatever operators change will stand here: who, what, when and why.")
    search_fields = ("target_id", "actor")


@admin.register(OutboxDelivery)
class OutboxDeliveryAdmin(ReadOnlyAdmin):
    """What is on its way between the apps; dead rows can be replayed."""

    list_display = ("created_at", "handler", "state", "attempts", "available_at", "last_error")
    badges: ClassVar = {"state": {DeliveryState.DONE: "ok", DeliveryState.DEAD: "bad"}}
    list_filter = ("state", "handler")
    empty_text = gettext_lazy("What one part of the site has to tell another stands here until it is done.")
    actions = ("replay",)

    @reason_action(
        description=gettext_lazy("Replay dead deliveries"), permission="kernel.replay_outboxdelivery", when=_is_dead
    )
    def replay(self, request: HttpRequest, queryset: QuerySet[OutboxDelivery], reason: str) -> None:
        """Give each chosen dead delivery a new start."""
        revived = sum(
            outbox.replay(delivery_id=pk, actor=actor(request), reason=reason, now=clock.now())
            for pk in queryset.values_list("pk", flat=True)
        )
        self.message_user(request, _("%(count)d deliveries will be tried again.") % {"count": revived})


@admin.register(Switch)
class SwitchAdmin(ReadOnlyAdmin):
    """What operators turned off and on; every declared switch has a row here."""

    badges: ClassVar = {"is_on": {True: "ok", False: "warn"}}
    list_display = ("name", "is_on", "purpose", "updated_at")
    actions = ("turn_on", "turn_off")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Switch]:
        """All declared switches, also those never flipped."""
        switches.ensure_rows(now=clock.now())
        return super().get_queryset(request)

    @admin.display(description=gettext_lazy("What turning it off stops"))
    def purpose(self, row: Switch) -> str:
        """The declared purpose."""
        return str(switches.declared().get(row.name, ""))

    @reason_action(description=gettext_lazy("Turn on"), permission="kernel.flip_switch", when=lambda row: not row.is_on)
    def turn_on(self, request: HttpRequest, queryset: QuerySet[Switch], reason: str) -> None:
        """Turn the chosen switches on."""
        _flip(request, queryset, reason, is_on=True)

    @reason_action(description=gettext_lazy("Turn off"), permission="kernel.flip_switch", when=lambda row: row.is_on)
    def turn_off(self, request: HttpRequest, queryset: QuerySet[Switch], reason: str) -> None:
        """Turn the chosen switches off."""
        _flip(request, queryset, reason, is_on=False)


@admin.register(Proposal)
class ProposalAdmin(ReadOnlyAdmin):
    """What waits for a second person, and what became of it."""

    list_display = ("created_at", "what", "state", "proposed_by", "reason", "expires_at", "decided_by")
    task = Task.TODAY
    badges: ClassVar = {
        "state": {ProposalState.OPEN: "warn", ProposalState.CARRIED_OUT: "ok", ProposalState.REJECTED: "bad"}
    }
    actors = ("proposed_by", "decided_by")
    list_filter = ("state",)
    ordering = ("-id",)
    empty_text = gettext_lazy(
        "What goes beyond one operator's limits waits here until a second person has looked at it."
    )
    actions = ("approve", "reject")

    @admin.display(description=gettext_lazy("What would be done"))
    def what(self, row: Proposal) -> str:
        """The proposal in words."""
        action = approvals.action_of(row)
        return f"{action.title}: {action.describe(content=row.content)}" if action else row.action

    @reason_action(description=gettext_lazy("Approve and carry out"), permission="kernel.view_proposal", when=_is_open)
    def approve(self, request: HttpRequest, queryset: QuerySet[Proposal], reason: str) -> None:
        """Each by its own action's permission, and never by who proposed it."""
        for pk in queryset.values_list("pk", flat=True):
            approvals.approve(
                proposal_id=pk, actor=actor(request), may=request.user.has_perm, reason=reason, now=clock.now()
            )
        self.message_user(request, _("Done."))

    @reason_action(description=gettext_lazy("Reject, or take back"), permission="kernel.view_proposal", when=_is_open)
    def reject(self, request: HttpRequest, queryset: QuerySet[Proposal], reason: str) -> None:
        """Nothing is done then."""
        for pk in queryset.values_list("pk", flat=True):
            approvals.reject(
                proposal_id=pk, actor=actor(request), may=request.user.has_perm, reason=reason, now=clock.now()
            )
        self.message_user(request, _("Done."))


def _flip(request: HttpRequest, queryset: QuerySet[Switch], reason: str, *, is_on: bool) -> None:
    for name in queryset.values_list("name", flat=True):
        switches.flip(name=name, is_on=is_on, actor=actor(request), reason=reason, now=clock.now())
