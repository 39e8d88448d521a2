"""Who people are: members and operators, and how WeChat knows them."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, Group, PermissionsMixin
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.contracts import MemberStatus
from apps.accounts.markup import AVATARS
from apps.kernel import clock
from apps.kernel.models import Row


class UserManager(BaseUserManager["User"]):
    """Makes operators for `manage.py createsuperuser`; members come from services."""

    def create_superuser(self, username: str, password: str | None = None, **extra: Any) -> "User":
        """An operator who may do everything; without a password, one who cannot sign in."""
        extra.setdefault("nickname", username[:24])
        user = self.model(username=username, is_staff=True, is_superuser=True, created_at=clock.now(), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(Row, AbstractBaseUser, PermissionsMixin):
    """A member or an operator. Only operators have a user name and a password."""

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
        ]
        indexes = [models.Index(fields=["nickname"], name="accounts_user_by_nickname")]

    def __str__(self) -> str:
        return self.nickname

    @property
    def is_active(self) -> bool:  # type: ignore[override]  # Django types it as a field
        """Whether Django may sign this user in: a frozen member may come in and look, a frozen operator may not."""
        return self.status == MemberStatus.ACTIVE or (self.status == MemberStatus.FROZEN and not self.is_staff)

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
        ]

    def __str__(self) -> str:
        return f"…{self.openid[-4:]}"
