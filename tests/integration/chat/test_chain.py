"""The chain of rules as operators arrange it: heard at once, counted once for each refusal, and shown."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from prometheus_client import REGISTRY, generate_latest

from apps.accounts import services as accounts
from apps.accounts.contracts import ListKind, ListScope, Member
from apps.accounts.errors import MemberBlocked
from apps.chat import errors, services
from apps.chat.contracts import Asked, PaidBy
from apps.chat.models import ChatRule, Generation, RefusalCount
from apps.kernel import clock
from apps.kernel.errors import CodeUnknown, DomainError, ReasonMissing
from apps.kernel.invariants import all_invariants, find
from apps.kernel.models import AuditEntry
from tests.integration.chat.conftest import make_model, send, set_limits

pytestmark = pytest.mark.django_db


def arrange(code: str, *, is_on: bool = True, place: int | None = None) -> None:
    services.save_rule(code=code, is_on=is_on, place=place, actor="staff:x", reason="a test", now=clock.now())


def refused() -> dict[str, int]:
    """How many questions each rule has refused today."""
    return {said.code: said.refused_today for said in services.rule_standings(now=clock.now()) if said.refused_today}


def hold_back(member: Member, olga: Member) -> None:
    accounts.list_member(
        user_id=member.id,
        kind=ListKind.BLACK,
        scope=ListScope.CHAT,
        actor=f"staff:{olga.id}",
        reason="floods",
        now=clock.now(),
    )


def test_a_black_list_that_is_switched_off_holds_nobody_back(rich_alice: Member, olga: Member, model: str) -> None:
    hold_back(rich_alice, olga)
    with pytest.raises(MemberBlocked):
        send(rich_alice.id)

    arrange("black-list", is_on=False)

    assert send(rich_alice.id).generation.paid_by is PaidBy.QUOTA
    assert refused() == {"black-list": 1}


def test_without_the_rule_of_free_answers_quota_pays_and_every_page_says_so(
    rich_alice: Member, alice_browser: Client, model: str
) -> None:
    set_limits(free_per_day=3)
    arrange("access-limit", is_on=False)

    asked: Asked = send(rich_alice.id)

    quota = alice_browser.get("/api/v1/chat/quota").json()
    assert asked.generation.paid_by is PaidBy.QUOTA
    assert (quota["free_left"], quota["free_per_day"]) == (0, 0)
    assert services.policy_on_show().free_per_day == 0


def test_the_first_rule_that_refuses_is_the_one_that_is_told_and_counted(
    rich_alice: Member, olga: Member, model: str
) -> None:
    hold_back(rich_alice, olga)
    with pytest.raises(errors.MessageEmpty):
        send(rich_alice.id, " ")

    arrange("black-list", place=1)

    with pytest.raises(MemberBlocked):
        send(rich_alice.id, " ")
    assert refused() == {"size": 1, "black-list": 1}


@pytest.mark.parametrize(
    ("code", "changes", "refusal"),
    [
        ("quota", {"is_on": False}, errors.RuleFixed),
        ("account-status", {"place": 1}, errors.RuleFixed),
        ("model-permission", {"is_on": False}, errors.RuleFixed),
        ("size", {"is_on": False}, errors.RuleFixed),
        ("no-such", {}, CodeUnknown),
    ],
)
def test_what_operators_may_not_arrange_is_refused_and_changes_nothing(
    code: str, changes: dict[str, object], refusal: type[DomainError]
) -> None:
    with pytest.raises(refusal):
        arrange(code, **changes)  # type: ignore[arg-type]
    with pytest.raises(ReasonMissing):
        services.save_rule(code="size", is_on=True, place=5, actor="staff:x", reason=" ", now=clock.now())

    assert not ChatRule.objects.exists()
    assert not AuditEntry.objects.exists()


def test_refusals_are_counted_for_each_rule_and_nothing_is_counted_for_what_passes(alice: Member, model: str) -> None:
    set_limits(free_per_day=1, max_running=1)
    make_model("vip", needs_entitlement=True)
    send(alice.id)
    before = RefusalCount.objects.count()

    for text, code in ((" ", "base"), ("x" * 40_000, "base"), ("hi", "nope"), ("hi", "vip"), ("hi", "base")):
        with pytest.raises(DomainError):
            send(alice.id, text, model=code)

    assert before == 0
    assert refused() == {"size": 2, "model-permission": 2, "quota": 1}


def test_a_refusal_costs_one_statement_more_and_an_answer_none(rich_alice: Member, model: str) -> None:
    send(rich_alice.id)
    with CaptureQueriesContext(connection) as passing:
        send(rich_alice.id)

    assert [query for query in passing if "refusalcount" in query["sql"] or "chatrule" in query["sql"]] == []

    with CaptureQueriesContext(connection) as failing, pytest.raises(errors.MessageEmpty):
        send(rich_alice.id, " ")
    assert len([query for query in failing if "refusalcount" in query["sql"]]) == 1


def test_the_metric_tells_what_all_processes_refused(rich_alice: Member, model: str) -> None:
    for _ in range(2):
        with pytest.raises(errors.MessageEmpty):
            send(rich_alice.id, " ")

    assert b'chatloop_chat_refusals_total{rule="size"} 2.0' in generate_latest(REGISTRY)


def test_what_a_rule_refused_is_there_though_all_else_is_undone(rich_alice: Member, model: str) -> None:
    with pytest.raises(errors.MessageTooLong):
        send(rich_alice.id, "x" * 40_000)

    assert not Generation.objects.exists()
    assert refused() == {"size": 1}


def test_operators_see_the_chain_in_its_order_and_change_it_with_a_reason(
    rich_alice: Member, operator_browser: Client, model: str
) -> None:
    with pytest.raises(errors.MessageEmpty):
        send(rich_alice.id, " ")
    page = operator_browser.get("/admin/chat/chatrule/")
    shown = [rule.code for rule in page.context["cl"].result_list]
    rule = ChatRule.objects.get(code="black-list")
    address = f"/admin/chat/chatrule/{rule.pk}/change/"

    operator_browser.post(address, {"is_on": "on", "place": "5", "reason": "first of all"})

    moved = [rule.code for rule in operator_browser.get("/admin/chat/chatrule/").context["cl"].result_list]
    assert shown[:4] == ["size", "access-limit", "frequency", "key-frequency"]
    assert moved[:3] == ["black-list", "size", "access-limit"]
    assert page.context["cl"].result_list[0].its_refused_today == 1
    assert AuditEntry.objects.get(action="chat.save_rule").after == {"is_on": True, "place": 5}


def test_a_rule_that_is_fixed_is_an_error_of_the_form(operator_browser: Client) -> None:
    operator_browser.get("/admin/chat/chatrule/")
    rule = ChatRule.objects.get(code="quota")

    page = operator_browser.post(f"/admin/chat/chatrule/{rule.pk}/change/", {"place": "", "reason": "free for all"})

    assert list(page.context["adminform"].form.errors) == ["is_on"]
    assert ChatRule.objects.get(code="quota").is_on


def test_a_row_that_says_of_itself_that_a_fixed_rule_is_off_is_not_believed_and_found(
    alice: Member, model: str
) -> None:
    set_limits(free_per_day=0)
    services.ensure_rules(now=clock.now())
    ChatRule.objects.filter(code="quota").update(is_on=False)

    with pytest.raises(errors.QuotaExhausted):
        send(alice.id)

    (decided,) = [item for item in all_invariants() if item.number == "I-62"]
    assert [breach.subject for breach in find(decided, now=clock.now()).breaches] == ["rule quota"]
