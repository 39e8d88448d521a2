"""A model that several channels serve: who is asked first, and who answers when that one cannot."""

from collections import Counter
from collections.abc import Iterator
from uuid import UUID

import pytest

from apps.accounts.contracts import Member
from apps.chat import rules, selectors, services
from apps.chat.contracts import GenerationDetail, GenerationState
from apps.kernel import clock
from apps.kernel.ids import new_id
from tests.integration.chat.conftest import EngineThread, give_quota, make_model, send, settled
from tests.integration.chat.upstream import (
    DONE,
    Drop,
    Upstream,
    answer,
    event,
    failure,
    piece,
    reason,
    running_line,
    running_upstream,
    usage,
)

pytestmark = pytest.mark.django_db(transaction=True)

FINISHED, FAILED, INTERRUPTED = GenerationState.FINISHED, GenerationState.FAILED, GenerationState.INTERRUPTED


@pytest.fixture
def second(upstream: Upstream) -> Iterator[Upstream]:
    """Another provider, which serves the model "base", too, when the first one cannot."""
    with running_upstream() as running:
        services.save_channel(code="second", base_url=running.url, api_key="sk-second", now=clock.now())
        services.save_route(
            model_code="base", channel_code="second", upstream_name="up-base", priority=2, now=clock.now()
        )
        running.scripts["up-base"] = answer("from the second")
        yield running


def ask(member: Member) -> tuple[GenerationDetail, str]:
    """Ask, and wait for the end."""
    return settled(member.id, send(member.id).generation.id)


def test_the_first_channel_answers_as_long_as_it_can(
    rich_alice: Member, upstream: Upstream, second: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = answer("from the first")

    assert ask(rich_alice)[1] == "from the first"
    assert second.requests == []


@pytest.mark.parametrize(
    "refusal",
    [
        (500, {"error": {"code": "server_error"}}),
        (502, b"<html>Bad gateway</html>"),
        (503, {"error": {"message": "overloaded"}}),
        (429, {"error": {"code": "rate_limit_exceeded"}}),
        (401, {"error": {"code": "invalid_api_key"}}),
        (402, {"error": {"message": "Insufficient Balance"}}),
        (429, {"error": {"code": "1113"}}),
        (404, {"error": {"code": "model_not_found"}}),
    ],
)
def test_another_channel_answers_what_the_first_refuses(
    rich_alice: Member, upstream: Upstream, second: Upstream, engine: EngineThread, refusal: tuple[int, object]
) -> None:
    upstream.refusals["up-base"] = refusal

    done, text = ask(rich_alice)

    assert (done.state, done.error_code, text) == (FINISHED, "", "from the second")
    assert (done.charged_milli, done.prompt_tokens, done.completion_tokens) == (1000, 7, 5)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    "script",
    [
        [Drop()],
        [piece(""), Drop()],
        [failure("server_error")],
        [piece(""), event({"error": {"message": "overloaded"}})],
        [DONE],
        [reason("network_error"), usage(7, 0), DONE],
        [usage(7, 900), b"data: {no\n\n" * 30],
    ],
    ids=["hung up", "broke off", "error", "error later", "nothing", "network_error", "garbled"],
)
def test_another_channel_answers_when_the_first_breaks_off_before_a_word(
    rich_alice: Member, upstream: Upstream, second: Upstream, engine: EngineThread, script: list[bytes | Drop]
) -> None:
    upstream.scripts["up-base"] = script

    done, text = ask(rich_alice)

    assert (done.state, text) == (FINISHED, "from the second")
    # What the first counted before it failed is not what the answer took.
    assert (done.charged_milli, done.prompt_tokens, done.completion_tokens) == (1000, 7, 5)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("heard", [piece("Hel"), event({"choices": [{"delta": {"reasoning_content": "Hm."}}]})])
@pytest.mark.parametrize("end", [Drop(), failure("server_error")])
def test_nobody_else_is_asked_once_a_word_or_a_thought_has_come(
    rich_alice: Member, upstream: Upstream, second: Upstream, heard: bytes, end: bytes | Drop
) -> None:
    upstream.scripts["up-base"] = [heard, end]

    done, _ = ask(rich_alice)

    assert done.state in {INTERRUPTED, FAILED}
    assert second.requests == []


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        ((400, {"error": {"code": "context_length_exceeded"}}), "context_too_long"),
        ((400, {"error": {"code": "1301"}}), "content_refused"),
        ((400, {"error": {"code": "invalid_parameter"}}), "request_refused"),
        ((422, {"error": {"message": "unprocessable"}}), "request_refused"),
    ],
)
def test_a_question_that_is_refused_for_itself_is_not_taken_elsewhere(
    rich_alice: Member, upstream: Upstream, second: Upstream, refusal: tuple[int, object], code: str
) -> None:
    upstream.refusals["up-base"] = refusal

    done, _ = ask(rich_alice)

    assert (done.state, done.error_code, done.charged_milli) == (FAILED, code, 0)
    assert second.requests == []


def test_when_all_fail_the_last_one_is_named_and_nothing_is_charged(
    rich_alice: Member, upstream: Upstream, second: Upstream, engine: EngineThread
) -> None:
    upstream.refusals["up-base"] = (500, {})
    second.refusals["up-base"] = (429, {})

    done, text = ask(rich_alice)

    assert (done.state, done.error_code, done.charged_milli, text) == (FAILED, "upstream_busy", 0, "")
    assert (len(upstream.requests), len(second.requests)) == (1, 1)
    assert selectors.model_facts(user_id=rich_alice.id, code="base", now=clock.now()) is not None


def test_another_channel_answers_while_the_first_is_dead(
    rich_alice: Member, upstream: Upstream, second: Upstream, engine: EngineThread
) -> None:
    with running_line(lambda line: line.connection.close()) as url:
        services.save_channel(code="test", base_url=url, api_key="sk-test-secret", now=clock.now())
        assert ask(rich_alice)[1] == "from the second"
    # And when nobody listens at all.
    assert ask(rich_alice)[1] == "from the second"


def test_a_route_that_is_off_is_not_asked(
    rich_alice: Member, upstream: Upstream, second: Upstream, engine: EngineThread
) -> None:
    services.save_route(
        model_code="base", channel_code="test", upstream_name="up-base", is_enabled=False, now=clock.now()
    )

    assert ask(rich_alice)[1] == "from the second"
    assert upstream.requests == []
    services.save_channel(code="second", base_url=second.url, api_key=None, is_enabled=False, now=clock.now())
    assert [offer.id for offer in services.models_for(user_id=rich_alice.id, now=clock.now())] == []


def test_each_channel_is_asked_by_the_name_that_it_has_for_the_model(
    rich_alice: Member, upstream: Upstream, second: Upstream, engine: EngineThread
) -> None:
    services.save_route(
        model_code="base", channel_code="second", upstream_name="their-name", priority=0, now=clock.now()
    )
    second.scripts["their-name"] = answer("by another name")

    assert ask(rich_alice)[1] == "by another name"
    assert [request["model"] for request in second.requests] == ["their-name"]
    assert second.keys == ["Bearer sk-second"]


def test_the_claim_passes_over_a_full_channel_and_waits_when_all_are(rich_alice: Member) -> None:
    make_model()
    give_quota(rich_alice.id, 10_000)
    services.save_channel(code="second", base_url="http://127.0.0.1:9/v1", api_key="sk-second", now=clock.now())
    services.save_route(model_code="base", channel_code="second", upstream_name="b", priority=2, now=clock.now())
    for _ in range(5):
        send(rich_alice.id)

    jobs = services.claim_jobs(limit=10, per_channel=2, running={"second": 1}, now=clock.now())

    assert [[target.channel for target in job.targets] for job in jobs] == [["test", "second"]] * 2 + [["second"]]
    assert services.claim_jobs(limit=10, per_channel=2, running={"test": 2, "second": 2}, now=clock.now()) == []
    assert len(services.claim_jobs(limit=10, per_channel=2, running={}, now=clock.now())) == 2


class Weighed:
    """A route for the order alone."""

    def __init__(self, priority: int, weight: int) -> None:
        self.route_id: UUID = new_id()
        self.priority = priority
        self.weight = weight


def test_equals_are_asked_first_as_often_as_their_weights_say() -> None:
    heavy, light, spare = Weighed(1, 3), Weighed(1, 1), Weighed(2, 200)
    orders = [rules.order_of_asking([light, spare, heavy], generation_id=new_id()) for _ in range(4000)]

    first = Counter(order[0] for order in orders)

    assert first[spare] == 0
    assert {order[2] for order in orders} == {spare}
    # Six standard deviations around three of four.
    assert abs(first[heavy] - 3000) < 165
