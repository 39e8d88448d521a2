"""The audit is silent on sound answers, also while they are being settled, and names what was damaged by hand."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.db.backends.utils import CursorWrapper
from django.db.models import F

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.accounts.models import ApiKey
from apps.chat import services
from apps.chat.contracts import GenerationState, Outcome
from apps.chat.models import FreeUse, Generation
from apps.kernel import clock
from apps.kernel.ids import new_id
from apps.kernel.invariants import Invariant, all_invariants
from tests.integration.chat.conftest import give_quota, send, set_limits
from tests.rows import unguard_all

pytestmark = pytest.mark.django_db

OURS = [check for check in all_invariants() if check.check.__module__.startswith("apps.chat.")]
ANSWERED = Outcome(state=GenerationState.FINISHED, text="Hello!", finish_reason="stop")


def broken() -> set[str]:
    return {check.number for check in OURS if list(check.check(clock.now()))}


def answer() -> None:
    """Let an engine answer what is queued."""
    for job in services.claim_jobs(limit=5, now=clock.now()):
        services.finish_run(
            generation_id=job.generation_id, lease_token=job.lease_token, outcome=ANSWERED, now=clock.now()
        )


@pytest.fixture
def answers(alice: Member, model: str) -> Member:
    """Alice got one answer for free and one for quota, and waits for a third."""
    set_limits(free_per_day=1)
    give_quota(alice.id, 5000)
    send(alice.id)
    send(alice.id)
    answer()
    send(alice.id)
    return alice


def test_sound_answers_have_no_breach(answers: Member) -> None:
    assert broken() == set()


def _paid() -> Generation:
    return Generation.objects.filter(charged_milli__gt=0).get()


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lambda: Generation.objects.filter(pk=_paid().pk).update(charged_milli=999), {"I-17", "I-17-usage"}),
        (lambda: Generation.objects.filter(pk=_paid().pk).update(hold_id=new_id()), {"I-17"}),
        (
            lambda: Generation.objects.filter(state="queued").update(state="failed", settled_at=clock.now()),
            {"I-17", "I-17-usage"},
        ),
        (lambda: FreeUse.objects.update(used=F("used") + 1), {"I-17-free"}),
        (lambda: FreeUse.objects.update(used=0), {"I-17-free"}),
        (lambda: FreeUse.objects.update(day=date(2026, 1, 1)), {"I-17-free"}),
        (
            lambda: Generation.objects.filter(state="queued").update(created_at=clock.now() - timedelta(hours=1)),
            {"I-16-chat"},
        ),
    ],
)
def test_damage_is_named(answers: Member, damage: Callable[[], object], found: set[str]) -> None:
    unguard_all("chat_generation")
    unguard_all("chat_freeuse")
    damage()

    assert broken() == found


@pytest.mark.parametrize("check", OURS, ids=lambda check: check.number)
def test_an_answer_that_is_settled_during_the_audit_is_no_breach(
    answers: Member, monkeypatch: pytest.MonkeyPatch, check: Invariant
) -> None:
    """A rival settles after each statement of the check, which reads the answer once or sees two stories."""
    execute = CursorWrapper.execute

    def rival_after(self: CursorWrapper, sql: str, params: object = None) -> object:
        result = execute(self, sql, params)  # type: ignore[arg-type]
        monkeypatch.setattr(CursorWrapper, "execute", execute)
        answer()
        return result

    monkeypatch.setattr(CursorWrapper, "execute", rival_after)

    assert list(check.check(clock.now())) == []


def test_a_key_that_is_said_to_have_spent_more_than_its_answers_cost_is_found(alice: Member) -> None:
    accounts.create_api_key(user_id=alice.id, name="script", scopes=("chat",), now=clock.now())
    assert broken() == set()
    ApiKey.objects.update(spent_milli=1)

    assert broken() == {"I-17-keys"}
