"""Rows of the workbench around the stand-ins: what is switched to misbehave."""

from django.db import models

from apps.kernel.models import Row


class Fault(Row):
    """A fault that is switched on. Its name is one of rules/faults.py; no `times_left` is until it is switched off."""

    name = models.CharField(max_length=40, unique=True)
    times_left = models.PositiveIntegerField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name
