"""Reports on answers: made once, looked at for a reason, decided once, and told to the member."""

import json
from datetime import timedelta
from typing import Any
from zipfile import ZipFile

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, transaction
from django.test import Client

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.accounts.models import User
from apps.chat import errors, services
from apps.chat.contracts import Asked
from apps.chat.models import Report, Reveal
from apps.chat.rules.reports import ReportReason, ReportState, due_at
from apps.kernel import clock
from apps.kernel.errors import DomainError, ReasonMissing
from apps.kernel.ids import UserId
from apps.kernel.invariants import all_invariants, find
from apps.kernel.models import AuditEntry
from tests.cast import browser_of, operator
from tests.integration.chat.conftest import send
from tests.integration.chat.test_asking import finish
from tests.integration.chat.test_without_conversation import answered
from tests.rows import unguard_all

pytestmark = pytest.mark.django_db

SECRET, ANSWER = "my private question", "the reported answer"
OPERATOR = "staff:olga"


@pytest.fixture
def asked(rich_alice: Member, model: str) -> Asked:
    """A question with an answer."""
    asked = send(rich_alice.id, SECRET)
    assert finish(asked.generation.id, text=ANSWER)
    return asked


def post(browser: Client, asked: Asked, **body: object) -> Any:
    address = f"/api/v1/chat/generations/{asked.generation.id}/report"
    return browser.post(address, {"reason": "wrong", **body}, content_type="application/json")


def reported(asked: Asked, member: Member, reason: ReportReason = ReportReason.WRONG) -> Report:
    made = services.report_answer(
        user_id=member.id, generation_id=asked.generation.id, reason=reason, note="it quotes me", now=clock.now()
    )
    return Report.objects.get(pk=made.id)


def decide(report: Report, state: ReportState = ReportState.UPHELD, **changes: Any) -> None:
    said = {"result": "You are right.", "actor": OPERATOR, "reason": "read it", "now": clock.now(), **changes}
    services.decide_report(report_id=report.pk, state=state, **said)


def act(browser: Client, report: Report, action: str, **form: str) -> None:
    browser.post("/admin/chat/report/", {"action": action, "_selected_action": str(report.pk), **form})


def page_of(browser: Client, report: Report) -> str:
    return browser.get(f"/admin/chat/report/{report.pk}/change/").content.decode()


def found() -> set[str]:
    """What the audit finds of reports, of closed accounts, and of times."""
    numbers = {"I-66-reveals", "I-66-decisions", "I-64", "I-52"}
    checks = [item for item in all_invariants() if item.number in numbers]
    return {item.number for item in checks if find(item, now=clock.now()).breaches}


def test_a_member_reports_an_answer_and_hears_until_when_it_is_answered(asked: Asked, alice_browser: Client) -> None:
    answer = post(alice_browser, asked, reason="illegal", note="line 3")

    body = answer.json()
    assert answer.status_code == 201
    assert (body["reason"], body["note"], body["state"], body["result"]) == ("illegal", "line 3", "open", "")
    assert (body["message_id"], body["conversation_id"]) == (
        str(asked.answer.id),
        str(asked.generation.conversation_id),
    )
    row = Report.objects.get()
    assert row.due_at - row.created_at == timedelta(days=1)
    assert alice_browser.get("/api/v1/chat/reports").json()["results"] == [body]
    page = alice_browser.get(f"/chat/{asked.generation.conversation_id}/").content.decode()
    assert "已举报：违法。" in page


def test_an_answer_is_reported_once_and_the_same_again_is_the_first(asked: Asked, alice_browser: Client) -> None:
    first = post(alice_browser, asked, note="line 3")

    assert post(alice_browser, asked, note="line 3").json() == first.json()
    for other in ({"note": "line 4"}, {"note": "line 3", "reason": "other"}):
        answer = post(alice_browser, asked, **other)
        assert (answer.status_code, answer.json()["code"]) == (409, "already_reported")
    assert Report.objects.get().note == "line 3"


BAD: list[tuple[dict[str, object], int, str]] = [
    ({"reason": "boring"}, 400, "validation_failed"),
    ({"reason": None}, 400, "validation_failed"),
    ({"note": "x" * 301}, 400, "validation_failed"),
    ({"note": "nul\0"}, 400, "validation_failed"),
    ({"text": ANSWER}, 400, "validation_failed"),
]


@pytest.mark.parametrize(("body", "status", "code"), BAD)
def test_a_bad_report_is_refused_and_nothing_is_kept(
    asked: Asked, alice_browser: Client, body: dict[str, object], status: int, code: str
) -> None:
    answer = post(alice_browser, asked, **body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Report.objects.exists()


def test_nobody_reports_what_is_not_theirs_or_still_being_written(
    rich_alice: Member, alice_browser: Client, bob_browser: Client, visitor: Client, model: str
) -> None:
    asked = send(rich_alice.id)

    assert post(alice_browser, asked).json()["code"] == "answer_not_finished"
    finish(asked.generation.id)
    assert (post(bob_browser, asked).status_code, post(visitor, asked).status_code) == (404, 401)
    assert not Report.objects.exists()
    post(alice_browser, asked)
    assert bob_browser.get("/api/v1/chat/reports").json()["results"] == []


def test_a_complaint_is_answered_within_a_day_and_feedback_within_a_week() -> None:
    now = clock.now()

    days = {reason.value: (due_at(reason, now=now) - now).days for reason in ReportReason}

    assert {reason for reason, number in days.items() if number == 1} == {"illegal", "harmful", "private", "rights"}
    assert set(days.values()) == {1, 7}


def test_an_operator_reads_no_text_before_saying_why_and_is_on_the_trail(
    asked: Asked, rich_alice: Member, olga: Member, operator_browser: Client
) -> None:
    report = reported(asked, rich_alice)
    before = page_of(operator_browser, report) + operator_browser.get("/admin/chat/report/").content.decode()
    assert SECRET not in before
    assert ANSWER not in before

    act(operator_browser, report, "reveal")
    assert SECRET not in page_of(operator_browser, report), "the form asks why first"
    act(operator_browser, report, "reveal", reason="a complaint of 28 November")

    page = page_of(operator_browser, report)
    assert SECRET in page
    assert ANSWER in page
    entry = AuditEntry.objects.get(action="chat.reveal_report")
    assert (entry.actor, entry.reason, entry.target_id) == (
        f"staff:{olga.id}", "a complaint of 28 November", str(report.pk),
    )  # fmt: skip
    assert SECRET not in json.dumps([entry.before, entry.after])
    assert found() == set()


def test_a_look_ends_after_a_quarter_of_an_hour_and_is_nobody_else_s(asked: Asked, rich_alice: Member) -> None:
    report, now = reported(asked, rich_alice), clock.now()
    services.reveal_report(report_id=report.pk, actor=OPERATOR, reason="a complaint", now=now)

    def sees(actor: str, minutes: int) -> bool:
        later = now + timedelta(minutes=minutes)
        return services.revealed_answer(report_id=report.pk, actor=actor, now=later) is not None

    assert [sees(OPERATOR, 14), sees(OPERATOR, 16), sees("staff:other", 1)] == [True, False, False]


def test_without_the_right_nobody_reads_or_decides(asked: Asked, rich_alice: Member) -> None:
    report = reported(asked, rich_alice)
    looker = User.objects.get(pk=operator("otto").id)
    looker.is_superuser = False
    looker.save(update_fields=["is_superuser"])
    looker.user_permissions.add(Permission.objects.get(codename="view_report"))
    browser = browser_of(UserId(looker.pk))
    services.reveal_report(report_id=report.pk, actor=f"staff:{looker.pk}", reason="before", now=clock.now())

    act(browser, report, "reveal", reason="curious")
    act(browser, report, "decide", reason="bored", state="dismissed", result="No.")

    assert SECRET not in page_of(browser, report)
    assert Reveal.objects.count() == 1
    assert Report.objects.get().state == "open"


def test_a_decision_is_told_to_the_member_and_stands(
    asked: Asked, rich_alice: Member, alice_browser: Client, operator_browser: Client
) -> None:
    report = reported(asked, rich_alice)

    act(operator_browser, report, "decide", reason="read it", state="upheld", result="You are right, thank you.")

    told = alice_browser.get("/api/v1/chat/reports").json()["results"][0]
    assert (told["state"], told["result"]) == ("upheld", "You are right, thank you.")
    for page in (f"/chat/{asked.generation.conversation_id}/", "/chat/reports/"):
        assert "You are right, thank you." in alice_browser.get(page).content.decode()
    with pytest.raises(errors.ReportDecided):
        decide(report, ReportState.DISMISSED)
    report.refresh_from_db()
    assert report.state == "upheld"
    entry = AuditEntry.objects.get(action="chat.decide_report")
    assert entry.after == {"state": "upheld", "was_late": False}
    assert found() == set()


@pytest.mark.parametrize(
    ("state", "changes", "refusal"),
    [
        (ReportState.OPEN, {}, errors.ReportNotDecided),
        (ReportState.UPHELD, {"result": " "}, errors.ReportNotDecided),
        (ReportState.UPHELD, {"result": "x" * 301}, errors.ReportNotDecided),
        (ReportState.UPHELD, {"reason": ""}, ReasonMissing),
    ],
)
def test_a_decision_that_says_nothing_is_none(
    asked: Asked, rich_alice: Member, state: ReportState, changes: dict[str, str], refusal: type[DomainError]
) -> None:
    report = reported(asked, rich_alice)

    with pytest.raises(refusal):
        decide(report, state, **changes)

    report.refresh_from_db()
    assert report.state == "open"
    assert not AuditEntry.objects.filter(action="chat.decide_report").exists()


def test_a_decision_may_be_as_long_as_its_limit(asked: Asked, rich_alice: Member) -> None:
    report = reported(asked, rich_alice)

    decide(report, ReportState.UPHELD, result="x" * 300)

    report.refresh_from_db()
    assert report.result == "x" * 300


def test_the_queue_begins_with_the_next_deadline_and_says_what_is_late(
    rich_alice: Member, model: str, operator_browser: Client
) -> None:
    reasons = (ReportReason.WRONG, ReportReason.ILLEGAL, ReportReason.OTHER)
    made = []
    for reason in reasons:
        asked = send(rich_alice.id)
        finish(asked.generation.id)
        made.append(reported(asked, rich_alice, reason))
    decide(made[2])

    shown = [row.pk for row in operator_browser.get("/admin/chat/report/").context["cl"].result_list]

    assert shown == [made[1].pk, made[0].pk, made[2].pk]


def test_what_its_member_erased_nobody_reads(asked: Asked, rich_alice: Member) -> None:
    report = reported(asked, rich_alice)
    services.reveal_report(report_id=report.pk, actor=OPERATOR, reason="a complaint", now=clock.now())
    assert asked.generation.conversation_id is not None

    services.delete_conversation(
        user_id=rich_alice.id, conversation_id=asked.generation.conversation_id, now=clock.now()
    )

    seen = services.revealed_answer(report_id=report.pk, actor=OPERATOR, now=clock.now())
    assert seen is not None
    assert (seen.question, seen.text) == ("", "")
    report.refresh_from_db()
    assert (report.note, report.state, report.reason) == ("", "open", "wrong")


def test_an_answer_without_a_conversation_is_reported_too(rich_alice: Member, model: str) -> None:
    started = answered(rich_alice)
    made = services.report_answer(
        user_id=rich_alice.id, generation_id=started.id, reason=ReportReason.OTHER, note="", now=clock.now()
    )
    services.reveal_report(report_id=made.id, actor=OPERATOR, reason="a complaint", now=clock.now())

    seen = services.revealed_answer(report_id=made.id, actor=OPERATOR, now=clock.now())

    assert (made.conversation_id, made.message_id) == (None, None)
    assert seen is not None
    assert "repeat: three four" in seen.question
    assert (seen.text, seen.reasoning) == ("five", "count on")


def test_reports_are_taken_away_and_erased_with_their_member(asked: Asked, rich_alice: Member) -> None:
    report = reported(asked, rich_alice)
    decide(report, result="It quotes you, indeed.")
    with (
        accounts.export_own_data(user_id=rich_alice.id, now=clock.now()) as file,
        ZipFile(file) as archive,
    ):
        (row,) = json.loads(archive.read("reports.json"))
    assert (row["note"], row["result"], row["state"]) == ("it quotes me", "It quotes you, indeed.", "upheld")

    accounts.close_account(user_id=rich_alice.id, confirm=rich_alice.nickname, now=clock.now())

    report.refresh_from_db()
    assert (report.note, report.result, report.state) == ("", "", "upheld")
    assert found() == set()


def test_the_database_keeps_what_was_reported_decided_and_seen(asked: Asked, rich_alice: Member) -> None:
    report = reported(asked, rich_alice)
    services.reveal_report(report_id=report.pk, actor=OPERATOR, reason="a complaint", now=clock.now())
    decide(report)
    rows = Report.objects.filter(pk=report.pk)

    for change in (
        lambda: rows.update(reason="other"),
        lambda: rows.update(due_at=clock.now()),
        lambda: rows.update(decided_by="staff:other"),
        lambda: rows.update(state="open"),
        rows.delete,
        lambda: Reveal.objects.update(by="staff:other"),
        Reveal.objects.all().delete,
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()


def test_the_audit_finds_a_look_and_a_decision_that_nobody_said(asked: Asked, rich_alice: Member) -> None:
    report = reported(asked, rich_alice)
    services.reveal_report(report_id=report.pk, actor=OPERATOR, reason="a complaint", now=clock.now())
    assert found() == set()

    Reveal.objects.create(report=report, by=OPERATOR, created_at=clock.now())
    Report.objects.update(state="dismissed", decided_at=clock.now(), decided_by=OPERATOR)

    assert found() == {"I-66-reveals", "I-66-decisions"}


def test_the_audit_finds_a_report_that_nobody_decides_in_time(asked: Asked, rich_alice: Member) -> None:
    report = reported(asked, rich_alice, ReportReason.ILLEGAL)
    (check,) = (item for item in all_invariants() if item.number == "I-52-reports")
    soon, late = (report.due_at + timedelta(seconds=each) for each in (-1, 1))

    assert [find(check, now=each).breaches == () for each in (soon, late)] == [True, False]
    assert str(report.pk) in find(check, now=late).breaches[0].subject
    decide(report)
    assert find(check, now=late).breaches == ()


def test_who_has_left_waits_for_no_answer(asked: Asked, rich_alice: Member) -> None:
    report = reported(asked, rich_alice)
    (check,) = (item for item in all_invariants() if item.number == "I-52-reports")

    accounts.close_account(user_id=rich_alice.id, confirm=rich_alice.nickname, now=clock.now())

    assert find(check, now=report.due_at + timedelta(days=1)).breaches == ()


def test_the_audit_finds_a_report_that_was_opened_again(asked: Asked, rich_alice: Member) -> None:
    report = reported(asked, rich_alice)
    decide(report)
    unguard_all("chat_report")

    Report.objects.update(state="open", decided_at=None, decided_by="", result="")

    assert found() == {"I-66-decisions"}
