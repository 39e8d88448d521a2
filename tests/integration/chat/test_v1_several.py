"""Several answers to one request (`n`): as many generations, begun and paid together or not at all, told as choices."""

import threading
from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI

from apps.accounts.contracts import Member
from apps.chat import errors, services
from apps.chat.contracts import GenerationState, PaidBy
from apps.chat.models import Generation
from apps.kernel import clock
from tests.integration.chat.conftest import EngineThread, set_limits, wait_for
from tests.integration.chat.test_abandoned import assert_audit_is_clean
from tests.integration.chat.test_v1_completions import HELLO, client, paid
from tests.integration.chat.test_v1_models import key_of
from tests.integration.chat.test_without_conversation import SAID, request_of
from tests.integration.chat.upstream import Drop, Upstream, answer, piece

__all__ = ["client"]

ENGLISH = {"Accept-Language": "en"}
pytestmark = pytest.mark.django_db(transaction=True)


def begin(member: Member, answers: int, **more: Any) -> Any:
    """As a program asks for so many."""
    return services.start_for_program(
        user_id=member.id, model="base", requests=[request_of(*SAID)], answers=answers, now=clock.now(), **more
    )


def rows() -> list[Generation]:
    return list(Generation.objects.order_by("pk"))


def test_choices_come_at_once(client: OpenAI, rich_alice: Member, upstream: Upstream, engine: EngineThread) -> None:
    upstream.scripts["up-base"] = answer("one ", "two")

    told = client.chat.completions.create(model="base", messages=HELLO, n=3)

    assert [choice.index for choice in told.choices] == [0, 1, 2]
    assert {(choice.message.content, choice.finish_reason) for choice in told.choices} == {("one two", "stop")}
    assert told.id == f"chatcmpl-{rows()[0].pk.hex}"
    assert told.usage is not None
    assert (told.usage.prompt_tokens, told.usage.completion_tokens, told.usage.total_tokens) == (21, 15, 36)
    assert [row.charged_milli for row in rows()] == [1000, 1000, 1000]
    assert paid(rich_alice) == 3000
    assert_audit_is_clean()


def test_choices_are_streamed_as_they_come(
    client: OpenAI, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    gate = threading.Event()
    upstream.scripts["up-base"] = [piece("one "), gate, *answer("two")]
    said: dict[int, str] = {0: "", 1: ""}
    reasons: dict[int, str] = {}
    order: list[int] = []

    stream = client.chat.completions.create(
        model="base", messages=HELLO, n=2, stream=True, stream_options={"include_usage": True}
    )
    chunks = []
    for chunk in stream:
        chunks.append(chunk)
        for choice in chunk.choices:
            order.append(choice.index)
            said[choice.index] += choice.delta.content or ""
            if choice.finish_reason:
                reasons[choice.index] = choice.finish_reason
        if all(said.values()):
            gate.set()

    assert said == {0: "one two", 1: "one two"}
    assert reasons == {0: "stop", 1: "stop"}
    # Neither waits for the end of the other.
    assert order != sorted(order)
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[-1].usage is not None
    assert (chunks[-1].choices, chunks[-1].usage.completion_tokens) == ([], 10)
    assert paid(rich_alice) == 2000


def test_who_leaves_stops_all_of_them(
    client: OpenAI, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [piece("one "), threading.Event(), *answer("never")]

    with client.chat.completions.create(model="base", messages=HELLO, n=2, stream=True) as stream:
        said = {0: "", 1: ""}
        for chunk in stream:
            said[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
            if all(said.values()):
                break
    wait_for(lambda: not Generation.objects.filter(settled_at=None).exists(), what="two settled generations")

    assert [(row.state, row.text, row.charged_milli) for row in rows()] == [(GenerationState.STOPPED, "one ", 1000)] * 2
    assert_audit_is_clean()


def test_of_two_of_which_one_breaks_off_the_other_comes_to_its_end_before_that_is_told(
    client: OpenAI, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    """Which of them it is, nobody knows: the second to come has its line cut."""
    upstream.scripts["up-base"] = _Alternating(answer("whole"), [piece("half"), Drop()])
    seen: dict[int, str] = {0: "", 1: ""}
    reasons = []

    def follow() -> None:
        for chunk in client.chat.completions.create(model="base", messages=HELLO, n=2, stream=True):
            seen[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
            reasons.append(chunk.choices[0].finish_reason)

    with pytest.raises(openai.APIError) as broken:
        follow()

    assert sorted(seen.values()) == ["half", "whole"]
    assert [reason for reason in reasons if reason] == ["stop"]
    assert broken.value.code == "upstream_unreachable"
    assert paid(rich_alice) == 2000


class _Alternating(list[Any]):
    """A script that is another one each time it is played."""

    def __init__(self, *scripts: Any) -> None:
        super().__init__()
        self._scripts = list(scripts)

    def __iter__(self) -> Any:
        return iter(self._scripts.pop(0))


def test_of_two_of_which_one_says_nothing_the_other_is_an_answer(
    client: OpenAI, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = _Alternating(answer("whole"), [Drop()])

    told = client.chat.completions.create(model="base", messages=HELLO, n=2)

    assert sorted((choice.message.content, choice.finish_reason) for choice in told.choices) == [
        ("", "length"), ("whole", "stop"),
    ]  # fmt: skip
    assert paid(rich_alice) == 1000
    assert_audit_is_clean()


@pytest.mark.parametrize(
    ("free", "said"),
    [
        (0, "One of the answers did not come. It was not charged; others were."),
        (2, "No answer came. Nothing was charged."),
    ],
    ids=["paid", "free"],
)
@pytest.mark.usefixtures("engine")
def test_a_stream_of_which_one_says_nothing_does_not_say_that_nothing_was_charged_for_the_other(
    free: int, said: str, client: OpenAI, rich_alice: Member, upstream: Upstream
) -> None:
    set_limits(free_per_day=free)
    upstream.scripts["up-base"] = _Alternating(answer("whole"), [Drop()])

    with pytest.raises(openai.APIError) as broken:
        list(
            client.with_options(default_headers=ENGLISH).chat.completions.create(
                model="base", messages=HELLO, n=2, stream=True
            )
        )

    assert (broken.value.message, broken.value.code) == (said, "upstream_unreachable")
    assert paid(rich_alice) == (0 if free else 1000)


def test_free_answers_and_quota_pay_for_one_request_together(rich_alice: Member, model: str) -> None:
    set_limits(free_per_day=2)

    begin(rich_alice, 3)

    assert sorted(row.paid_by for row in rows()) == [PaidBy.FREE, PaidBy.FREE, PaidBy.QUOTA]
    assert paid(rich_alice) == 1000
    assert_audit_is_clean()


def test_where_one_cannot_be_paid_none_is_begun(rich_alice: Member, model: str) -> None:
    set_limits(free_per_day=1, max_running=8)

    with pytest.raises(errors.QuotaExhausted):
        begin(rich_alice, 7)

    assert (rows(), paid(rich_alice)) == ([], 0)
    begin(rich_alice, 6)
    assert_audit_is_clean()


def test_where_there_is_no_room_for_all_none_is_begun(rich_alice: Member, model: str) -> None:
    set_limits(max_running=3)
    begin(rich_alice, 2)

    with pytest.raises(errors.TooManyRunning):
        begin(rich_alice, 2)

    assert (len(rows()), paid(rich_alice)) == (2, 2000)


@pytest.mark.parametrize("limits", [{"max_running": 2}, {"max_unpaid_per_day": 2}, {"max_per_minute": 2}])
def test_more_than_may_ever_run_is_not_worth_another_try(
    limits: dict[str, int], site: str, rich_alice: Member, model: str
) -> None:
    set_limits(**limits)
    asked = []
    http = httpx2.Client(event_hooks={"response": [lambda response: asked.append(response.status_code)]})

    with (
        OpenAI(base_url=f"{site}/v1", api_key=key_of(rich_alice), http_client=http) as made,
        pytest.raises(openai.BadRequestError) as refusal,
    ):
        made.chat.completions.create(model="base", messages=HELLO, n=3)

    assert asked == [400]
    assert (refusal.value.param, refusal.value.code) == ("n", "invalid_value")
    assert (rows(), paid(rich_alice)) == ([], 0)


@pytest.mark.parametrize("limits", [{"max_parallel": 2}, {"requests_per_minute": 2}])
def test_the_limits_of_a_key_count_each_answer(
    limits: dict[str, int], site: str, rich_alice: Member, model: str
) -> None:
    with (
        OpenAI(base_url=f"{site}/v1", api_key=key_of(rich_alice, **limits)) as made,
        pytest.raises(openai.BadRequestError) as refusal,
    ):
        made.chat.completions.create(model="base", messages=HELLO, n=3)

    assert refusal.value.param == "n"
    assert (rows(), paid(rich_alice)) == ([], 0)


def test_the_cap_of_a_key_counts_each_answer(site: str, rich_alice: Member, model: str) -> None:
    with (
        OpenAI(base_url=f"{site}/v1", api_key=key_of(rich_alice, spend_cap_milli=2999)) as made,
        pytest.raises(openai.RateLimitError) as refusal,
    ):
        made.chat.completions.create(model="base", messages=HELLO, n=3)

    assert refusal.value.code == "project_spend_limit_exceeded"
    assert (rows(), paid(rich_alice)) == ([], 0)


def test_each_answer_counts_as_a_question_of_the_minute(rich_alice: Member, model: str) -> None:
    set_limits(max_per_minute=5, max_running=8)

    assert begin(rich_alice, 3).rate.remaining == 2
    with pytest.raises(errors.AskedTooOften) as refusal:
        begin(rich_alice, 3)
    assert refusal.value.context["retry_after"] in {59, 60}
    # What was refused is taken back, all of it.
    assert begin(rich_alice, 2).rate.remaining == 0
