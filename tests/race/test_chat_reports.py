"""Real threads: a report is made once and decided once."""

from functools import partial
from uuid import UUID

import pytest

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.errors import AlreadyReported, ReportDecided
from apps.chat.models import Report
from apps.chat.rules.reports import ReportReason, ReportState
from apps.kernel import clock
from apps.kernel.models import AuditEntry
from tests.integration.chat.conftest import give_quota, make_model, send, set_limits
from tests.integration.chat.test_asking import finish
from tests.race.concurrency import run_together
from tests.race.guards import dropped, guarded_by, locks, taken_as_read

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

THREADS = 20


@pytest.fixture
def rich_alice(alice: Member) -> Member:
    """Alice with five credits."""
    set_limits(free_per_day=0)
    give_quota(alice.id, 5000)
    return alice


def answered(member: Member) -> UUID:
    """An answer that is finished."""
    make_model()
    asked = send(member.id)
    finish(asked.generation.id)
    return asked.generation.id


def report(member: Member, generation_id: UUID, number: int) -> UUID:
    return services.report_answer(
        user_id=member.id,
        generation_id=generation_id,
        reason=ReportReason.WRONG,
        note=f"note {number}",
        now=clock.now(),
    ).id


@guarded_by(
    locks("accounts_user"),
    dropped("chat_report_generation_id_key"),
    meet="INSERT INTO chat_report",
    seen="[2-8] == 1",
)
def test_of_twenty_reports_on_one_answer_one_is_made(rich_alice: Member) -> None:
    generation_id = answered(rich_alice)

    outcomes = run_together([partial(report, rich_alice, generation_id, number) for number in range(THREADS)])

    assert Report.objects.count() == 1
    assert outcomes.kinds == {AlreadyReported}
    assert len(outcomes.results) == 1


@guarded_by(
    taken_as_read('UPDATE "chat_report"', r'"chat_report"\."state" = %s'),
    dropped("chat_report"),
    meet='UPDATE "chat_report"',
    seen="8 == 1",
)
def test_of_twenty_decisions_on_one_report_one_stands_and_is_on_the_trail(rich_alice: Member) -> None:
    report_id = report(rich_alice, answered(rich_alice), 1)

    def decide(number: int) -> None:
        services.decide_report(
            report_id=report_id,
            state=ReportState.UPHELD if number % 2 else ReportState.DISMISSED,
            result=f"Result {number}.",
            actor=f"staff:{number}",
            reason="read it",
            now=clock.now(),
        )

    outcomes = run_together([partial(decide, number) for number in range(THREADS)])

    assert len(outcomes.results) == 1
    assert outcomes.kinds == {ReportDecided}
    row, entry = Report.objects.get(), AuditEntry.objects.get(action="chat.decide_report")
    assert (entry.actor, (entry.after or {})["state"]) == (row.decided_by, row.state)
