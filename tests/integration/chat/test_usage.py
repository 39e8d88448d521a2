"""What is written down of each settled answer: its tokens, its time, what it was charged and what it cost us."""

from dataclasses import replace

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from apps.accounts.contracts import Member
from apps.chat import errors, services
from apps.chat.contracts import GenerationState, Outcome, PerTokens, Reported, UpstreamCost, UsageBasis
from apps.chat.models import AnswerUsage, Generation, Route, RouteCost
from apps.kernel import clock
from apps.kernel.invariants import all_invariants
from apps.kernel.models import AuditEntry
from tests.integration.chat.conftest import EngineThread, make_model, send, settled, whole_attempt
from tests.integration.chat.upstream import Upstream, answer
from tests.rows import unguard_all

pytestmark = pytest.mark.django_db

COST = UpstreamCost(input_microyuan=2000, cached_microyuan=500, output_microyuan=8000)
SAID = Reported(input_tokens=1000, cached_tokens=400, output_tokens=300, reasoning_tokens=100)
DONE = Outcome(state=GenerationState.FINISHED, text="好" * 60, finish_reason="stop", reported=SAID, was_taken=True)


def answered(member: Member, outcome: Outcome = DONE, *, knows_route: bool = True) -> AnswerUsage:
    """Ask, and end like this; what was written down."""
    asked = send(member.id, "x" * 2_988)  # 1,000 tokens
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    route = job.targets[0].route_id if knows_route else None
    services.finish_run(
        generation_id=job.generation_id,
        lease_token=job.lease_token,
        outcome=replace(outcome, route_id=route),
        attempt=whole_attempt(job) if knows_route else None,
        now=clock.now(),
    )
    return AnswerUsage.objects.select_related("cost", "route", "price").get(pk=asked.generation.id)


def say_cost(cost: UpstreamCost = COST, **more: str) -> None:
    services.save_route_cost(model_code="base", channel_code="test", cost=cost, now=clock.now(), **more)


def breaches() -> list[object]:
    return [breach for check in all_invariants() for breach in check.check(clock.now())]


def test_a_settled_answer_says_what_it_took_and_what_it_cost_both_sides(rich_alice: Member) -> None:
    make_model(price=PerTokens(input_milli=200, cached_milli=50, output_milli=800))
    say_cost()

    row = answered(rich_alice, replace(DONE, latency_ms=2500, first_output_ms=400))

    assert (row.input_tokens, row.cached_tokens, row.output_tokens, row.reasoning_tokens) == (1000, 400, 300, 100)
    assert (row.kept_tokens, row.basis, row.price.code) == (60, UsageBasis.REPORTED, "base/1")
    assert (row.charged_milli, row.absorbed_milli) == (120 + 20 + 240, 0)
    # 600 at 2,000, 400 at 500 and 300 at 8,000 for a thousand.
    assert (row.cost and row.cost.code, row.cost_microyuan) == ("base@test/1", 1200 + 200 + 2400)
    assert (row.route, row.latency_ms, row.first_output_ms) == (Route.objects.get(), 2500, 400)
    assert breaches() == []


def test_what_an_answer_cost_us_is_what_the_route_cost_then(rich_alice: Member, model: str) -> None:
    say_cost()
    first = answered(rich_alice)
    say_cost()
    say_cost(replace(COST, output_microyuan=0))

    second = answered(rich_alice)

    assert [row.cost and row.cost.code for row in (first, second)] == ["base@test/1", "base@test/2"]
    assert (first.cost_microyuan, second.cost_microyuan) == (3800, 1400)
    assert list(RouteCost.objects.order_by("number").values_list("number", "output_microyuan")) == [(1, 8000), (2, 0)]
    assert breaches() == []


def test_where_nobody_says_what_a_route_costs_nothing_is_made_up(rich_alice: Member, model: str) -> None:
    row = answered(rich_alice)

    assert (row.cost, row.cost_microyuan, row.charged_milli) == (None, None, 1000)
    say_cost()
    unknown = answered(rich_alice, knows_route=False)
    assert (unknown.route, unknown.cost, unknown.cost_microyuan) == (None, None, None)
    assert breaches() == []


def test_what_nobody_pays_for_cost_us_something_all_the_same(rich_alice: Member, model: str) -> None:
    say_cost()

    row = answered(rich_alice, replace(DONE, state=GenerationState.INTERRUPTED, error_code="engine_lost"))

    assert (row.charged_milli, row.cost_microyuan) == (0, 3800)
    assert breaches() == []


def test_what_is_above_the_hold_is_ours_and_is_told(rich_alice: Member, caplog: pytest.LogCaptureFixture) -> None:
    make_model(price=PerTokens(input_milli=1000, cached_milli=1000, output_milli=1000), max_output_tokens=100)

    row = answered(rich_alice, replace(DONE, reported=Reported(input_tokens=1500, output_tokens=300)))

    assert (row.charged_milli, row.absorbed_milli, row.basis) == (1100, 700, UsageBasis.REPORTED)
    assert f"generation {row.pk}: reported, 700 milli-credits beyond its hold" in caplog.text
    assert breaches() == []


def test_counts_that_cannot_be_true_are_flagged_and_told(
    rich_alice: Member, model: str, caplog: pytest.LogCaptureFixture
) -> None:
    row = answered(rich_alice, replace(DONE, reported=Reported(input_tokens=-1, output_tokens=10**12)))

    assert (row.input_tokens, row.output_tokens, row.basis) == (1000, 60, UsageBasis.DOUBTED)
    assert f"generation {row.pk}: doubted" in caplog.text


def test_a_question_that_nobody_took_up_took_nothing(rich_alice: Member, model: str) -> None:
    asked = send(rich_alice.id)

    services.stop_generation(user_id=rich_alice.id, generation_id=asked.generation.id, now=clock.now())

    row = AnswerUsage.objects.get()
    assert (row.pk, row.input_tokens, row.output_tokens, row.charged_milli) == (asked.generation.id, 0, 0, 0)
    assert breaches() == []


def test_a_usage_is_written_once_and_never_changes(rich_alice: Member, model: str) -> None:
    answered(rich_alice)

    with pytest.raises(IntegrityError), transaction.atomic():
        AnswerUsage.objects.update(charged_milli=0)
    with pytest.raises(IntegrityError), transaction.atomic():
        AnswerUsage.objects.all()._raw_delete("default")


@pytest.mark.django_db(transaction=True)
def test_the_engine_tells_where_it_asked_and_how_long_it_took(
    rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    say_cost()
    upstream.scripts["up-base"] = answer("Hello, ", "world")

    done, _ = settled(rich_alice.id, send(rich_alice.id).generation.id)

    row = AnswerUsage.objects.select_related("route__channel").get(pk=done.id)
    assert row.route is not None
    assert (row.route.channel.code, row.input_tokens, row.output_tokens) == ("test", 7, 5)
    assert row.first_output_ms is not None
    assert row.latency_ms is not None
    assert 0 <= row.first_output_ms <= row.latency_ms < 60_000
    assert row.cost_microyuan == -(-(7 * 2000 + 5 * 8000) // 1000)


@pytest.mark.parametrize("name", ["input_microyuan", "cached_microyuan", "output_microyuan"])
@pytest.mark.parametrize("value", [-1, 10**9 + 1])
def test_a_cost_that_no_provider_asks_is_refused(model: str, name: str, value: int) -> None:
    with pytest.raises(errors.ConfigurationNotValid) as refused:
        say_cost(replace(COST, **{name: value}))

    assert refused.value.context == {"field": name}
    assert not RouteCost.objects.exists()


def test_a_cost_of_no_route_is_refused(model: str) -> None:
    with pytest.raises(errors.ConfigurationNotValid):
        services.save_route_cost(model_code="base", channel_code="gone", cost=COST, now=clock.now())


def test_operators_set_what_a_route_costs_and_see_every_version(
    rich_alice: Member, model: str, operator_browser: Client
) -> None:
    route = Route.objects.get()
    form = {"upstream_name": "up-base", "priority": "1", "weight": "1", "is_enabled": "on", "reason": "new contract"}
    address = f"/admin/chat/route/{route.pk}/change/"

    operator_browser.post(address, form)
    assert not RouteCost.objects.exists()
    operator_browser.post(address, {**form, "input_microyuan": "2000", "output_microyuan": "8000"})
    operator_browser.post(address, {**form, "input_microyuan": "1000", "output_microyuan": "4000"})

    assert list(RouteCost.objects.order_by("number").values_list("input_microyuan", "cached_microyuan")) == [
        (2000, 0),
        (1000, 0),
    ]
    entry = AuditEntry.objects.filter(action="chat.save_route_cost").latest("pk")
    assert (entry.target_id, entry.reason) == ("base@test/2", "new contract")
    page = operator_browser.get(address).content.decode()
    assert "成本 base@test/1" in page
    assert "成本 base@test/2，现行" in page
    answered(rich_alice)
    usage = AnswerUsage.objects.get()
    shown = operator_browser.get(f"/admin/chat/answerusage/{usage.pk}/change/").content.decode()
    assert "base/1" in shown
    assert breaches_of_rows() == []


def breaches_of_rows() -> list[object]:
    """What chat's own checks find: a browser that only a test signed in is another's matter."""
    checks = [check for check in all_invariants() if check.check.__module__.startswith("apps.chat.")]
    return [breach for check in checks for breach in check.check(clock.now())]


def test_the_audit_names_an_answer_without_its_usage(rich_alice: Member, model: str) -> None:
    answered(rich_alice)
    unguard_all("chat_answerusage")
    AnswerUsage.objects.all()._raw_delete("default")

    assert Generation.objects.exists()
    assert {check.number for check in all_invariants() if list(check.check(clock.now()))} == {
        "I-02-schema",
        "I-17-usage",
    }
