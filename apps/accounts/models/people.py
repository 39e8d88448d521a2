"""Who people are: persons and their accounts, members and operators, and how WeChat knows them."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, Group, PermissionsMixin
from django.contrib.auth.password_validation import validate_password
from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.avatars import AVATARS
from apps.accounts.contracts import MemberStatus
from apps.accounts.rules import NICKNAME_LENGTH, may_come_in
from apps.kernel import audit, clock
from apps.kernel.models import Row


class UserManager(BaseUserManager["User"]):
    """Makes operators for `manage.py createsuperuser`; members come from services."""

    def create_superuser(self, username: str, password: str | None = None, **extra: Any) -> "User":
        """An operator who may do everything; without a password, one who cannot sign in.

        Raises ValidationError: the command asks the validators only when it talks to a person, who may ignore them.
        """
        extra.setdefault("nickname", username[:NICKNAME_LENGTH])
        now = clock.now()
        person = Person(created_at=now)
        user = self.model(username=username, person=person, is_staff=True, is_superuser=True, created_at=now, **extra)
        if password is not None:
            validate_password(password, user)
        user.set_password(password)
        with transaction.atomic(using=self._db):
            person.save(using=self._db, force_insert=True)
            user.save(using=self._db, force_insert=True)
            audit.record(
                actor=audit.SYSTEM,
                action="accounts.create_operator",
                target=("user", str(user.pk)),
                reason="createsuperuser",
                after={"username": username, "roles": None},
                now=now,
            )
        return user


class Person(Row):
    """A human being over all accounts that they had. What somebody gets once hangs on this id, not on an account's.

    The hash recognises who comes back (docs/adr/0007-person.md). Operators have none; who left loses theirs in time.
    """

    key_hash = models.CharField(max_length=64, null=True, blank=True, editable=False)
    # Which secret made the hash: a fingerprint of the secret.
    key_id = models.CharField(max_length=12, blank=True, editable=False)
    # While no account is open.
    left_at = models.DateTimeField(_("left at"), null=True, blank=True)

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("persons")
        constraints = [
            models.UniqueConstraint(fields=["key_hash"], name="accounts_person_once_per_key"),
            models.CheckConstraint(
                condition=Q(key_hash=None, key_id="") | (Q(key_hash__isnull=False) & ~Q(key_id="")),
                name="accounts_person_key_names_its_secret",
            ),
        ]
        indexes = [
            # The hourly erasure asks only for who left and is still recognised.
            models.Index(
                fields=["left_at"],
                condition=Q(left_at__isnull=False, key_hash__isnull=False),
                name="accounts_person_to_forget",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class User(Row, AbstractBaseUser, PermissionsMixin):
    """An account: a member's or an operator's. Only operators have a user name and a password."""

    person = models.ForeignKey(Person, verbose_name=_("person"), on_delete=models.PROTECT, related_name="+")
    nickname = models.CharField(_("nickname"), max_length=24)
    # Empty until chosen: the one that follows from the id is shown then.
    avatar = models.CharField(_("avatar"), max_length=4, blank=True)
    username = models.CharField(_("user name"), max_length=64, null=True, blank=True, unique=True)
    status = models.CharField(_("status"), max_length=8, choices=MemberStatus, default=MemberStatus.ACTIVE)
    language = models.CharField(_("language"), max_length=10, blank=True)
    is_staff = models.BooleanField(_("operator"), default=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members and operators")
        permissions = [
            ("freeze_user", "Can freeze and unfreeze members"),
            ("assign_user", "Can give operators their roles"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=MemberStatus.values), name="accounts_user_status_known"),
            models.CheckConstraint(
                condition=Q(is_staff=False) | Q(username__isnull=False), name="accounts_user_staff_has_username"
            ),
            models.CheckConstraint(
                condition=~Q(status=MemberStatus.CLOSED)
                | Q(is_staff=False, username=None, avatar="", language="", last_login=None),
                name="accounts_user_closed_is_nobody",
            ),
            models.UniqueConstraint(
                fields=["person"],
                condition=~Q(status=MemberStatus.CLOSED),
                name="accounts_user_one_open_per_person",
            ),
        ]
        indexes = [models.Index(fields=["nickname"], name="accounts_user_by_nickname")]

    def __str__(self) -> str:
        return self.nickname

    @property
    def is_active(self) -> bool:  # type: ignore[override]  # Django types it as a field
        """Whether Django may sign this user in."""
        return may_come_in(status=self.status, is_staff=self.is_staff)

    @property
    def avatar_code(self) -> str:
        """The avatar to show: the chosen one, else the one that follows from the id."""
        return self.avatar or AVATARS[self.pk.int % len(AVATARS)]


class Role(Group):
    """What operators may do, as a group of permissions: Django's rows under the word that operators know."""

    class Meta:
        proxy = True
        verbose_name = _("role")
        verbose_name_plural = _("roles")


class WeChatIdentity(Row):
    """One person as one official account knows them; without a user until their first sign-in on the site."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    app_id = models.CharField(max_length=32)
    openid = models.CharField(max_length=64)
    is_following = models.BooleanField(default=False)
    # WeChat's own time of the last follow or unfollow: an event that arrives late changes nothing.
    follow_changed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("WeChat identity")
        verbose_name_plural = _("WeChat identities")
        constraints = [
            models.UniqueConstraint(fields=["app_id", "openid"], name="accounts_wechatidentity_once_per_account"),
            # Nobody else's identity can be added to an account that has its own.
            models.UniqueConstraint(
                fields=["user", "app_id"],
                condition=Q(user__isnull=False),
                name="accounts_wechatidentity_one_per_app",
            ),
        ]

    def __str__(self) -> str:
        return f"…{self.openid[-4:]}"
