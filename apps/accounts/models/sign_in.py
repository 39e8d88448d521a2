"""How people prove who they are: codes, attempts, and the messages that carried them."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.contracts import AttemptState
from apps.accounts.models.people import User, WeChatIdentity
from apps.kernel.models import Row
from apps.kernel.sealing import KeyedHashField, SealedTextField


class LoginCode(Row):
    """The newest code of one identity; asking again replaces it. Only a keyed hash is kept."""

    identity = models.OneToOneField(WeChatIdentity, on_delete=models.CASCADE, related_name="+")
    code_hash = KeyedHashField(live=Q(used_at=None))
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("sign-in code")
        verbose_name_plural = _("sign-in codes")
        constraints = [
            # Two people never hold the same code, so a code names one person.
            models.UniqueConstraint(fields=["code_hash"], name="accounts_logincode_one_holder"),
        ]

    def __str__(self) -> str:
        return f"code of {self.identity_id}"


class LoginAttempt(Row):
    """One browser's attempt to sign in, owned by whoever holds the secret of its cookie.

    `browser` and `network` are what the phone that scans the attempt's QR code is told. Scene and ticket of that
    code are hashed: they name the attempt to WeChat and sign nobody in.
    """

    browser_hash = KeyedHashField()
    state = models.CharField(max_length=10, choices=AttemptState, default=AttemptState.WAITING)
    invite_code = models.CharField(max_length=32, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    max_tries = models.PositiveSmallIntegerField()
    expires_at = models.DateTimeField()
    browser = models.CharField(max_length=60, blank=True)
    network = models.CharField(max_length=43, blank=True)
    # Shown on the page, sent by the phone. No secret: it shows that whoever answers sees the page.
    confirm_number = models.CharField(max_length=2, blank=True)
    scene_hash = KeyedHashField()
    ticket_hash = KeyedHashField(blank=True)
    # Who scanned the code, or typed in the one that they were sent.
    identity = models.ForeignKey(WeChatIdentity, on_delete=models.CASCADE, related_name="+", null=True, blank=True)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    # When this browser got its session: it gets one.
    session_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("sign-in attempt")
        verbose_name_plural = _("sign-in attempts")
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=AttemptState.values), name="accounts_loginattempt_state_known"
            ),
            models.CheckConstraint(
                condition=Q(tries__lte=F("max_tries")), name="accounts_loginattempt_tries_not_above_limit"
            ),
            models.CheckConstraint(
                condition=Q(state=AttemptState.CONFIRMED, user__isnull=False)
                | (~Q(state=AttemptState.CONFIRMED) & Q(user=None, session_at=None)),
                name="accounts_loginattempt_user_matches_state",
            ),
            models.CheckConstraint(
                condition=Q(state=AttemptState.WAITING, identity=None)
                | (~Q(state=AttemptState.WAITING) & Q(identity__isnull=False)),
                name="accounts_loginattempt_identity_matches_state",
            ),
            models.UniqueConstraint(fields=["scene_hash"], name="accounts_loginattempt_one_per_scene"),
            # "Yes" from a phone is about one attempt, never about two.
            models.UniqueConstraint(
                fields=["identity"],
                condition=Q(state=AttemptState.SCANNED),
                name="accounts_loginattempt_one_question",
            ),
        ]
        indexes = [models.Index(fields=["expires_at"], name="accounts_loginattempt_by_age")]

    def __str__(self) -> str:
        return f"{self.id} {self.state}"


class CallbackMessage(Row):
    """A message of WeChat that we answered. A retry is found here and gets the same reply.

    Neither the sender nor the content is kept; the reply may hold a login code, so it is encrypted.
    """

    dedupe_key = KeyedHashField()
    reply_sealed = SealedTextField(purpose="reply", blank=True)

    class Meta:
        verbose_name = _("answered WeChat message")
        verbose_name_plural = _("answered WeChat messages")
        constraints = [
            models.UniqueConstraint(fields=["dedupe_key"], name="accounts_callbackmessage_once"),
        ]
        indexes = [models.Index(fields=["created_at"], name="accounts_callbackmsg_by_age")]

    def __str__(self) -> str:
        return str(self.id)


class UsedSignature(Row):
    """A signature of WeChat's that has come in, and the request that it came with: for others it is worth nothing."""

    signature_hash = KeyedHashField()
    use_hash = KeyedHashField()

    class Meta:
        verbose_name = _("used WeChat signature")
        verbose_name_plural = _("used WeChat signatures")
        constraints = [models.UniqueConstraint(fields=["signature_hash"], name="accounts_usedsignature_once")]
        indexes = [models.Index(fields=["created_at"], name="accounts_usedsignature_by_age")]

    def __str__(self) -> str:
        return str(self.id)
