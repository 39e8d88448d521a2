"""What lets people in and what holds them back: sessions, login history, API keys, white and black lists."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.contracts import ListKind, ListScope, LoginOutcome, SignInMethod
from apps.accounts.models.people import Person, User
from apps.kernel.models import Row
from apps.kernel.sealing import KeyedHashField, SealedTextField


class MemberSession(Row):
    """One signed-in browser. Ending it deletes Django's session row, whose key is sealed here to find it again."""

    user = models.ForeignKey(User, verbose_name=_("member"), on_delete=models.PROTECT, related_name="+")
    # Of sessions by code or by scanning. No foreign key: attempts are forgotten after a day.
    attempt_id = models.UUIDField(null=True, blank=True, editable=False)
    key_hash = KeyedHashField(live=Q(revoked_at=None))
    key_sealed = SealedTextField(purpose="session", hashed_in="key_hash", editable=False)
    method = models.CharField(_("method"), max_length=8, choices=SignInMethod)
    browser = models.CharField(_("browser"), max_length=60)
    network = models.CharField(_("network"), max_length=43)
    last_seen_at = models.DateTimeField(_("last seen at"))
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        permissions = [("revoke_membersession", "Can end sessions")]
        constraints = [
            models.UniqueConstraint(fields=["key_hash"], name="accounts_membersession_once_per_key"),
            models.CheckConstraint(
                condition=Q(method__in=SignInMethod.values), name="accounts_membersession_method_known"
            ),
        ]
        indexes = [
            models.Index(fields=["user"], condition=Q(revoked_at=None), name="accounts_membersession_live_of"),
            models.Index(fields=["last_seen_at"], name="accounts_membersession_by_age"),
            models.Index(
                fields=["attempt_id"],
                condition=Q(attempt_id__isnull=False),
                name="accounts_membersession_attempt",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.browser} {self.network}"


class LoginEvent(Row):
    """One sign-in of a known person, or a refused one. Kept half a year."""

    user = models.ForeignKey(User, verbose_name=_("member"), on_delete=models.PROTECT, related_name="+")
    method = models.CharField(_("method"), max_length=8, choices=SignInMethod)
    outcome = models.CharField(_("outcome"), max_length=20, choices=LoginOutcome)
    browser = models.CharField(_("browser"), max_length=60)
    network = models.CharField(_("network"), max_length=43)

    class Meta:
        verbose_name = _("sign-in event")
        verbose_name_plural = _("sign-in events")
        constraints = [
            models.CheckConstraint(
                condition=Q(method__in=SignInMethod.values), name="accounts_loginevent_method_known"
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=LoginOutcome.values), name="accounts_loginevent_outcome_known"
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="accounts_loginevent_of_user"),
            models.Index(fields=["created_at"], name="accounts_loginevent_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.outcome}"


class ApiKey(Row):
    """A member's key for programs. Only its hash is kept: the key itself is 238 random bits, which nobody guesses."""

    user = models.ForeignKey(User, verbose_name=_("member"), on_delete=models.PROTECT, related_name="+")
    name = models.CharField(_("name"), max_length=60)
    prefix = models.CharField(_("prefix"), max_length=12)
    key_hash = models.CharField(max_length=64, editable=False)
    scopes = models.JSONField(_("scopes"))
    # Empty lists allow everything.
    allowed_networks = models.JSONField(_("allowed networks"), default=list, blank=True)
    allowed_models = models.JSONField(_("allowed models"), default=list, blank=True)
    spend_cap_milli = models.PositiveBigIntegerField(_("spending cap (thousandths of a credit)"), null=True, blank=True)
    # Beside what holds for everybody; none where it is empty.
    requests_per_minute = models.PositiveSmallIntegerField(_("requests per minute"), null=True, blank=True)
    tokens_per_minute = models.PositiveIntegerField(_("tokens per minute"), null=True, blank=True)
    max_parallel = models.PositiveSmallIntegerField(_("answers at once"), null=True, blank=True)
    # What was charged, and what running answers may still cost.
    spent_milli = models.PositiveBigIntegerField(_("spent (thousandths of a credit)"), default=0)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used at"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        permissions = [("revoke_apikey", "Can revoke API keys")]
        constraints = [
            models.UniqueConstraint(fields=["key_hash"], name="accounts_apikey_one_holder"),
            models.CheckConstraint(condition=Q(spent_milli__gte=0), name="accounts_apikey_spent_not_negative"),
            models.CheckConstraint(
                condition=Q(requests_per_minute=None) | Q(requests_per_minute__gt=0),
                name="accounts_apikey_some_may_ask",
            ),
            models.CheckConstraint(
                condition=Q(tokens_per_minute=None) | Q(tokens_per_minute__gt=0),
                name="accounts_apikey_some_may_be_taken",
            ),
            models.CheckConstraint(
                condition=Q(max_parallel=None) | Q(max_parallel__gt=0), name="accounts_apikey_some_may_run"
            ),
            models.CheckConstraint(
                condition=Q(spend_cap_milli=None) | Q(spent_milli__lte=F("spend_cap_milli")),
                name="accounts_apikey_spent_within_cap",
            ),
        ]
        indexes = [models.Index(fields=["user"], condition=Q(revoked_at=None), name="accounts_apikey_live_of")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class ListEntry(Row):
    """A person on the white or the black list, for one scope, until a time or until an operator ends it.

    `user` is the account that the operator looked at; the entry holds for every account of the person.
    """

    person = models.ForeignKey(Person, verbose_name=_("person"), on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(User, verbose_name=_("member"), on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(_("list"), max_length=5, choices=ListKind)
    scope = models.CharField(_("about"), max_length=5, choices=ListScope)
    reason = models.CharField(_("reason"), max_length=300)
    created_by = models.CharField(_("added by"), max_length=80)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    class Meta:
        verbose_name = _("list entry")
        verbose_name_plural = _("list entries")
        permissions = [("manage_listentry", "Can put members on lists and take them off")]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=ListKind.values), name="accounts_listentry_kind_known"),
            models.CheckConstraint(condition=Q(scope__in=ListScope.values), name="accounts_listentry_scope_known"),
            models.UniqueConstraint(
                fields=["person", "kind", "scope"], condition=Q(ended_at=None), name="accounts_listentry_one_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.scope}"
