"""The operators' second factor: a secret shared with an authenticator app, and codes for the day it is lost."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models.people import User
from apps.kernel.models import Row
from apps.kernel.sealing import KeyedHashField, SealedTextField


class SecondFactor(Row):
    """One operator's authenticator. It counts from the first code that it proved itself with."""

    user = models.OneToOneField(User, on_delete=models.PROTECT, related_name="+")
    secret_sealed = SealedTextField(purpose="second_factor", editable=False)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    # The newest time step whose code was used: neither it nor an older one is taken again.
    last_step = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name = _("second factor")
        verbose_name_plural = _("second factors")
        permissions = [("remove_secondfactor", "Can remove an operator's second factor")]

    def __str__(self) -> str:
        return f"{self.user_id}"


class BackupCode(Row):
    """One of the codes that work once without the authenticator. Only a keyed hash is kept."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    code_hash = KeyedHashField(live=Q(used_at=None), editable=False)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("backup code")
        verbose_name_plural = _("backup codes")
        constraints = [
            models.UniqueConstraint(fields=["user", "code_hash"], name="accounts_backupcode_once_per_user"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}"
