"""Rows of WeChat: its users, the official account, what the two said to each other."""

from django.db import models
from django.db.models import Q

from apps.kernel.models import Row
from apps.sandbox.rules.permissions import AccountKind


class OfficialAccount(Row):
    """What kind of account ours is; the one row appears when somebody changes the kind."""

    app_id = models.CharField(max_length=32, unique=True)
    kind = models.CharField(max_length=12, choices=[(kind.value, kind.value) for kind in AccountKind])
    is_verified = models.BooleanField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=[kind.value for kind in AccountKind]), name="sandbox_officialaccount_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return self.app_id


class Follower(Row):
    """A WeChat user of the sandbox, following the account or not."""

    openid = models.CharField(max_length=64, unique=True)
    nickname = models.CharField(max_length=40)
    is_following = models.BooleanField(default=False)
    followed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.nickname


class TokenKind(models.TextChoices):
    """Which call issued an access token; the two kinds do not know each other."""

    NORMAL = "normal"
    STABLE = "stable"


class AccessToken(Row):
    """An access token of the official account's API."""

    token = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=8, choices=TokenKind)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=TokenKind.values), name="sandbox_accesstoken_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class Ticket(Row):
    """A temporary QR code of the official account; `url` is what the QR holds."""

    ticket = models.CharField(max_length=120, unique=True)
    url = models.CharField(max_length=120, unique=True)
    scene = models.CharField(max_length=64)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.scene


class LoginAnswer(models.TextChoices):
    """What the member pressed under a scanned login; nothing yet is the empty string."""

    CONFIRM = "confirm"
    REFUSE = "refuse"


class Scan(Row):
    """One scan of a login code by one phone; a code may be scanned again, and by others."""

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="scans")
    openid = models.CharField(max_length=64)
    answer = models.CharField(max_length=8, choices=LoginAnswer, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(answer__in=["", *LoginAnswer.values]), name="sandbox_scan_answer_known"),
        ]

    def __str__(self) -> str:
        return f"{self.ticket_id} by {self.openid[-6:]}"


class OAuthCode(Row):
    """What a browser inside WeChat carries to the site; the site trades it for the openid, once."""

    code = models.CharField(max_length=64, unique=True)
    openid = models.CharField(max_length=64)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return str(self.id)


class Direction(models.TextChoices):
    """Who a line on the phone comes from."""

    SENT = "sent"  # the member wrote it
    REPLY = "reply"  # the account's passive reply
    SERVICE = "service"  # delivered without being asked: customer service, templates, payment receipts
    NOTICE = "notice"  # the phone itself: followed, scanned, account out of service


class PhoneMessage(Row):
    """One line on a member's phone."""

    openid = models.CharField(max_length=64)
    direction = models.CharField(max_length=8, choices=Direction)
    text = models.TextField()
    # The reply to a scanned login: the phone shows it with the two answers.
    scan = models.ForeignKey(Scan, on_delete=models.PROTECT, related_name="+", null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(direction__in=Direction.values), name="sandbox_phonemessage_direction_known"
            ),
        ]
        # A phone shows its newest lines.
        indexes = [models.Index(fields=["openid", "id"], name="sandbox_phonemessage_by_phone")]

    def __str__(self) -> str:
        return f"{self.direction} {self.id}"
