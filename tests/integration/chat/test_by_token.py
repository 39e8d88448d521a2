"""Answers that are paid by the token: what is set aside when they are asked for, and what they cost at their end."""

from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.contracts import Member
from apps.chat import errors, services
from apps.chat.contracts import QUOTA, GenerationState, ListedWords, Outcome, PaidBy, PerTokens, Reported, WordAction
from apps.chat.models import Conversation, Generation, Message
from apps.kernel import clock
from apps.kernel.ids import new_id
from apps.kernel.invariants import all_invariants
from apps.ledger import services as ledger
from tests.integration.chat.conftest import generation, give_quota, make_model, send, set_limits
from tests.integration.chat.test_api import post_message, statements
from tests.rows import unguard_all

pytestmark = pytest.mark.django_db

PRICE = PerTokens(input_milli=200, cached_milli=50, output_milli=800)


@pytest.fixture(autouse=True)
def by_token(db: None) -> None:
    """The model "base", by the token; an answer of 2,000 tokens costs 1,600."""
    make_model(price=PRICE)
    set_limits()


def balance(member: Member) -> tuple[int, int]:
    amounts = ledger.balance(account=ledger.user_account(member.id, QUOTA))
    return amounts.total, amounts.held


def end(outcome: Outcome) -> Generation:
    """What an engine does with the one answer that is queued."""
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    assert services.finish_run(
        generation_id=job.generation_id, lease_token=job.lease_token, outcome=outcome, now=clock.now()
    )
    return generation(job.generation_id)


def assert_audit_is_clean() -> None:
    assert [breach for check in all_invariants() for breach in check.check(clock.now())] == []


def test_what_is_set_aside_is_the_question_and_the_longest_answer(rich_alice: Member) -> None:
    asked = send(rich_alice.id, "x" * 288)  # 96 tokens, and 4 around them

    row = generation(asked.generation.id)
    assert (row.asked_tokens, row.max_output_tokens, row.is_shortened) == (100, 2000, False)
    assert (row.held_milli, balance(rich_alice)) == (20 + 1600, (5000, 1620))
    assert (asked.generation.held_milli, asked.generation.price, asked.generation.price_milli) == (1620, PRICE, None)
    assert_audit_is_clean()


def test_the_whole_branch_is_set_aside_for_and_its_length_is_known_without_reading_it(rich_alice: Member) -> None:
    first = send(rich_alice.id, "x" * 288)
    end(Outcome(state=GenerationState.FINISHED, text="好" * 50, finish_reason="stop"))
    place = first.generation.conversation_id

    second = send(rich_alice.id, "y" * 30, conversation_id=place)
    assert generation(second.generation.id).asked_tokens == 100 + 54 + 14
    end(Outcome(state=GenerationState.FINISHED, text="z" * 30, finish_reason="stop"))
    # Beside the second question, below the first answer.
    other = send(rich_alice.id, "y" * 60, conversation_id=place, parent_id=first.answer.id)
    assert generation(other.generation.id).asked_tokens == 100 + 54 + 24
    end(Outcome(state=GenerationState.FINISHED, text="z", finish_reason="stop"))
    # Another answer to the same question, and a branch of its own.
    again = services.regenerate_answer(
        user_id=rich_alice.id, message_id=other.answer.id, model=None, client_id=str(new_id()), now=clock.now()
    )
    assert generation(again.generation.id).asked_tokens == 100 + 54 + 24
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    assert [turn.text for turn in job.turns] == ["x" * 288, "好" * 50, "y" * 60]
    lease: dict[str, Any] = {"generation_id": job.generation_id, "lease_token": job.lease_token}
    services.finish_run(**lease, outcome=Outcome(state=GenerationState.FINISHED, text="a"), now=clock.now())
    alone = send(rich_alice.id, "y" * 30, conversation_id=place, parent_id=None)
    assert generation(alone.generation.id).asked_tokens == 14
    assert_audit_is_clean()


def test_what_the_words_made_of_a_question_is_what_is_counted_of_it(rich_alice: Member) -> None:
    first = send(rich_alice.id, "plum " * 30)  # 50 tokens, and 4 around them
    assert generation(first.generation.id).asked_tokens == 54
    end(Outcome(state=GenerationState.FINISHED, text="z", finish_reason="stop"))
    services.save_word_list(
        code="fruit",
        name="Fruit",
        action=WordAction.MASK,
        listed=ListedWords(words=("plum",)),
        actor="staff:x",
        reason="a test",
        now=clock.now(),
    )

    again = services.regenerate_answer(
        user_id=rich_alice.id, message_id=first.answer.id, model=None, client_id=str(new_id()), now=clock.now()
    )
    assert generation(again.generation.id).asked_tokens == 134  # what masks is wide
    end(Outcome(state=GenerationState.FINISHED, text="z", finish_reason="stop"))
    other = send(rich_alice.id, "plum " * 30)

    assert generation(other.generation.id).asked_tokens == 134
    assert_audit_is_clean()


def test_a_question_that_is_longer_than_a_model_may_be_asked_is_set_aside_for_as_a_whole(rich_alice: Member) -> None:
    make_model(price=PRICE, context_tokens=2100)  # a hundred tokens of question

    asked = send(rich_alice.id, "x" * 588)

    assert generation(asked.generation.id).asked_tokens == 200
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    assert [turn.text for turn in job.turns] == ["x" * 588]


def test_a_branch_that_nobody_counted_is_counted_when_its_length_matters(rich_alice: Member) -> None:
    first = send(rich_alice.id, "x" * 288)
    end(Outcome(state=GenerationState.FINISHED, text="好" * 50, finish_reason="stop"))
    unguard_all("chat_generation")
    Generation.objects.update(branch_tokens=None)  # as those are of before there were such prices
    make_model("flat")
    flat = send(rich_alice.id, "y" * 30, model="flat", conversation_id=first.generation.conversation_id)
    assert (generation(flat.generation.id).asked_tokens, generation(flat.generation.id).branch_tokens) == (0, None)
    end(Outcome(state=GenerationState.FINISHED, text="z" * 30, finish_reason="stop"))

    asked = send(rich_alice.id, "y" * 30, conversation_id=first.generation.conversation_id)

    row = generation(asked.generation.id)
    assert (row.asked_tokens, row.branch_tokens) == (100 + 54 + 14 + 14 + 14,) * 2


def test_no_more_is_asked_than_was_set_aside_for(rich_alice: Member) -> None:
    make_model(price=PRICE, context_tokens=2100)  # a hundred tokens of question
    first = send(rich_alice.id, "x" * 240)
    end(Outcome(state=GenerationState.FINISHED, text="answer", finish_reason="stop"))
    asked = send(rich_alice.id, "y" * 30, conversation_id=first.generation.conversation_id)
    assert generation(asked.generation.id).asked_tokens == 100
    # Meanwhile the operators let it read more.
    make_model(price=PRICE, context_tokens=16_000)

    (job,) = services.claim_jobs(limit=1, now=clock.now())

    assert [turn.text for turn in job.turns] == ["y" * 30]


def test_the_longest_answer_is_the_one_when_asked(rich_alice: Member) -> None:
    send(rich_alice.id)
    make_model(price=PRICE, max_output_tokens=50)

    (job,) = services.claim_jobs(limit=1, now=clock.now())

    assert job.max_output_tokens == 2000


def test_who_cannot_pay_for_the_longest_answer_gets_a_shorter_one_and_is_told(
    alice: Member, alice_browser: Client
) -> None:
    give_quota(alice.id, 500)
    place = services.create_conversation(user_id=alice.id, now=clock.now()).id

    told = post_message(alice_browser, place, content="x" * 288).json()["generation"]

    assert (told["held_milli"], told["max_output_tokens"], told["is_shortened"]) == (500, 600, True)
    assert told["price_per_1000_tokens"] == {"input_milli": 200, "cached_input_milli": 50, "output_milli": 800}
    assert 'data-shortened="600"' in alice_browser.get(f"/chat/{place}/").content.decode()
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    assert job.max_output_tokens == 600
    assert balance(alice) == (500, 500)


@pytest.mark.parametrize(("quota", "needs"), [(99, 100), (0, 100)])
def test_below_the_floor_nothing_is_begun(alice: Member, quota: int, needs: int) -> None:
    if quota:
        give_quota(alice.id, quota)

    with pytest.raises(errors.QuotaExhausted) as refused:
        send(alice.id, "x" * 288)

    assert refused.value.context == {"price_milli": needs, "available_milli": quota}
    assert balance(alice) == (quota, 0)
    assert (Generation.objects.count(), Message.objects.count()) == (0, 0)
    assert not Conversation.objects.filter(head__isnull=False).exists()


def test_what_is_there_to_the_last_thousandth_is_enough(alice: Member) -> None:
    give_quota(alice.id, 100)

    assert send(alice.id, "x" * 288).generation.max_output_tokens == 100


@pytest.mark.parametrize(("quota", "affordable"), [(89, False), (90, True)])
def test_a_model_is_offered_to_whoever_can_pay_a_short_question(alice: Member, quota: int, affordable: bool) -> None:
    give_quota(alice.id, quota)

    (offer,) = services.models_for(user_id=alice.id, now=clock.now())

    assert (offer.affordable, offer.price, offer.price_milli) == (affordable, PRICE, None)


def test_a_free_use_pays_for_it_whole(alice: Member) -> None:
    set_limits(free_per_day=1)
    send(alice.id)

    row = end(Outcome(state=GenerationState.FINISHED, text="answer", finish_reason="stop"))

    assert (row.paid_by, row.held_milli, row.charged_milli) == (PaidBy.FREE, 0, 0)
    assert_audit_is_clean()


SAID = Reported(input_tokens=1000, cached_tokens=400, output_tokens=300, reasoning_tokens=100)
FINISHED = Outcome(state=GenerationState.FINISHED, text="好" * 60, reasoning="想" * 40, finish_reason="stop")
# 600 at 200 and 400 at 50; each token of output at 800, of which we kept 100.
INPUT = 140
ENDS: dict[str, tuple[Outcome, int]] = {
    "finished": (replace(FINISHED, reported=SAID), INPUT + 240),
    "finished, at its longest": (replace(FINISHED, reported=SAID, finish_reason="length"), INPUT + 240),
    "stopped": (replace(FINISHED, reported=SAID, state=GenerationState.STOPPED, finish_reason=""), INPUT + 80),
    "stopped, and the provider counts less": (
        replace(FINISHED, reported=replace(SAID, output_tokens=50, reasoning_tokens=0), state=GenerationState.STOPPED),
        INPUT + 40,
    ),
    "filtered": (replace(FINISHED, reported=SAID, finish_reason="content_filter"), INPUT + 80),
    "cut by the provider": (
        replace(FINISHED, reported=SAID, state=GenerationState.INTERRUPTED, error_code="upstream_cut"),
        INPUT + 80,
    ),
    "stopped while it thought": (
        replace(FINISHED, text="", reported=SAID, state=GenerationState.STOPPED, finish_reason=""),
        INPUT + 32,
    ),
    "broken off by us": (
        replace(FINISHED, reported=SAID, state=GenerationState.INTERRUPTED, error_code="engine_lost"),
        0,
    ),
    "our own error": (
        replace(FINISHED, reported=SAID, state=GenerationState.INTERRUPTED, error_code="internal"),
        0,
    ),
    "nothing was kept": (
        replace(FINISHED, text="", reasoning="", reported=SAID, state=GenerationState.STOPPED),
        0,
    ),
    "without usage": (replace(FINISHED, asked_tokens=700), 140 + 80),
    "stopped without usage": (replace(FINISHED, asked_tokens=700, state=GenerationState.STOPPED), 140 + 80),
    "a negative usage": (
        replace(FINISHED, asked_tokens=700, reported=Reported(input_tokens=-1, output_tokens=-5)),
        140 + 80,
    ),
    "an absurd usage": (
        replace(FINISHED, asked_tokens=700, reported=Reported(input_tokens=2_000_000, output_tokens=2_000_000)),
        140 + 80,
    ),
    "a usage in no whole numbers": (
        replace(FINISHED, asked_tokens=700, reported=Reported(is_garbled=True)),
        140 + 80,
    ),
    "a usage above the hold": (
        replace(FINISHED, asked_tokens=700, reported=Reported(input_tokens=9_000, output_tokens=2_000)),
        1740,
    ),
}


@pytest.mark.parametrize("how", ENDS)
def test_an_answer_costs_what_the_table_says(rich_alice: Member, how: str) -> None:
    outcome, charge = ENDS[how]
    send(rich_alice.id, "x" * 2_088)  # 700 tokens: 140 and 1600 are set aside

    row = end(replace(outcome, was_taken=True))

    assert row.held_milli == 1740
    assert (row.charged_milli, balance(rich_alice)) == (charge, (5000 - charge, 0))
    # What cost its owner nothing counts against the day's limit of such answers.
    assert (row.unpaid_day is not None) == (charge == 0)
    assert_audit_is_clean()


@pytest.mark.parametrize("quota", [5000, 500])
def test_asking_takes_no_more_statements_than_for_a_flat_price(
    alice: Member, alice_browser: Client, quota: int
) -> None:
    """What is shortened may take more: it is refused first, and reads what is there."""
    give_quota(alice.id, quota)
    place = services.create_conversation(user_id=alice.id, now=clock.now()).id
    send(alice.id, "x" * 288, conversation_id=place)
    end(Outcome(state=GenerationState.FINISHED, text="好", finish_reason="stop"))

    with CaptureQueriesContext(connection) as queries:
        answer = post_message(alice_browser, place)

    assert answer.status_code == 202
    limit = 12 if quota == 5000 else 17
    assert len(statements(queries)) <= limit, "\n".join(statements(queries))


def test_the_audit_names_a_hold_that_is_not_the_most(rich_alice: Member) -> None:
    send(rich_alice.id, "x" * 288)
    unguard_all("chat_generation")
    Generation.objects.update(max_output_tokens=1000)

    numbers = {check.number for check in all_invariants() if list(check.check(clock.now()))}

    assert "I-17-price" in numbers


def test_programs_see_the_price_of_a_thousand_tokens(rich_alice: Member, alice_browser: Client) -> None:
    make_model("flat")
    told: list[dict[str, Any]] = alice_browser.get("/api/v1/chat/models").json()

    prices = {model["id"]: (model["price"], model["price_per_1000_tokens"]) for model in told}
    by_token = {"input_milli": 200, "cached_input_milli": 50, "output_milli": 800}
    assert prices == {"base": (None, by_token), "flat": (1000, None)}
    page = alice_browser.get("/chat/").content.decode()
    assert "每千 token：读取 0.2（缓存 0.05），写出 0.8 额度" in page
