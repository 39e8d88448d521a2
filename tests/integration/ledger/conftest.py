"""Fixtures of the ledger's integration tests."""

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from tests.integration.ledger.bank import ALICE, CHANCES, issue, spend


@pytest.fixture
def known_system_accounts(db: None, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> None:
    """Let this process know the system accounts as committed, which a test's own transaction never is."""
    with django_capture_on_commit_callbacks(execute=True):
        for account in (ALICE, CHANCES):
            issue(account, 1)
            spend(account, 1)
