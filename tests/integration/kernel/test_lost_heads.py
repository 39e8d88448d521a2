"""A chain whose head is gone or was set back goes no further, and no command that meets it fails."""

import pytest
from django.core.management import CommandError
from pytest_django.fixtures import Settings

from apps.kernel import audit_chain, clock, sealing
from apps.kernel.models import AuditEntry, AuditHead, AuditLink
from tests.integration.kernel.test_audit_chain import (
    ANOTHER,
    HEAD,
    HOUR,
    WHY,
    breaches,
    extend,
    gone,
    said,
    trail,
    unguarded,
    write,
)

__all__ = ["trail", "unguarded"]

pytestmark = pytest.mark.django_db


def set_back() -> int:
    """An earlier head of ours, while the links after it stay."""
    last = AuditLink.objects.get(pk=1).hash
    return AuditHead.objects.update(sequence=1, hash=last, mac=audit_chain.mac_of_head(1, last))


BEHIND = HEAD, "is link 1, and the last link is 3"


def test_a_head_that_was_set_back_goes_no_further(
    unguarded: list[AuditEntry], caplog: pytest.LogCaptureFixture
) -> None:
    set_back()
    later = write("later")

    extend()
    audit_chain.sweep(now=clock.now())
    audit_chain.tell_head(now=clock.now())

    assert "nothing is put on its chain" in caplog.text
    assert AuditLink.objects.count() == 3
    assert breaches(now=clock.now() + HOUR) == [BEHIND, gone(2), (f"audit entry {later.pk}", "is not on the chain")]
    assert "kernel.AuditHead.mac: 0 resealed, 0 left" in said("reseal")


def test_a_lost_key_is_given_up_without_a_head(unguarded: list[AuditEntry], settings: Settings) -> None:
    lost, settings.SEALING_KEY = sealing.key_of(AuditHead.objects.get().mac), ANOTHER
    AuditHead.objects.all()._raw_delete("default")

    assert "kernel.AuditHead.mac: 0 given up" in said("reseal", "--forget", lost, *WHY)

    extend()
    assert AuditEntry.objects.filter(action="kernel.forget_sealing_key").exists()
    assert not AuditHead.objects.exists(), "a chain that has lost its head is not begun again"
    assert breaches() == [(HEAD, "is gone")]


def test_a_lost_key_is_given_up_and_a_head_that_was_set_back_is_not_taken(
    unguarded: list[AuditEntry], settings: Settings
) -> None:
    set_back()
    waiting = write("waits")
    lost, settings.SEALING_KEY = sealing.key_of(AuditHead.objects.get().mac), ANOTHER

    with pytest.raises(CommandError, match="1 values are left"):
        said("reseal", "--forget", lost, *WHY)

    entry = AuditEntry.objects.get(action="kernel.forget_sealing_key")
    assert entry.after is not None
    assert entry.after["kernel.AuditHead.mac"] == 0
    assert AuditLink.objects.count() == 3
    assert BEHIND in breaches()
    assert (f"audit entry {waiting.pk}", "was not written by this site") in breaches()
