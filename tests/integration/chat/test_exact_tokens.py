"""Where tokens are counted exactly: what of a long branch is asked, which requests are too long, what was kept."""

from typing import Any

import pytest

from apps.accounts.contracts import Member
from apps.chat import errors, rules, services
from apps.chat.contracts import GenerationState, PerTokens, Tokenizer
from apps.chat.models import AnswerUsage, ChatModel, Generation
from apps.chat.services import counting
from apps.kernel import clock
from tests.integration.chat.conftest import EngineThread, generation, give_quota, make_model, send, set_limits, settled
from tests.integration.chat.test_abandoned import assert_audit_is_clean
from tests.integration.chat.test_without_conversation import start
from tests.integration.chat.upstream import Drop, Upstream, answer, piece, reason

pytestmark = pytest.mark.django_db(transaction=True)

PRICE = PerTokens(input_milli=100, cached_milli=100, output_milli=100)
# By our estimate a third of its signs, in truth an eighth.
LONG = "a" * 240


def make(upstream: Upstream, *, tokenizer: str = Tokenizer.O200K, prompt_tokens: int = 200, **more: Any) -> None:
    make_model(url=upstream.url, context_tokens=prompt_tokens + 2000, tokenizer=tokenizer, **more)
    upstream.scripts["up-base"] = answer(LONG)
    set_limits()


def ask_thrice(member: Member, upstream: Upstream) -> list[str]:
    """What went upstream with the third question of a conversation."""
    place = None
    for _ in range(3):
        asked = send(member.id, LONG, conversation_id=place)
        settled(member.id, asked.generation.id)
        place = asked.generation.conversation_id
    return [message["role"] for message in upstream.requests[-1]["messages"]]


def test_more_of_a_branch_is_asked_where_its_tokens_are_counted(
    rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    make(upstream)  # five messages of 84 by our estimate, of 34 in truth

    assert ask_thrice(rich_alice, upstream) == ["user", "assistant", "user", "assistant", "user"]

    make(upstream, tokenizer=Tokenizer.ESTIMATE)
    give_quota(rich_alice.id, 5000)
    assert ask_thrice(rich_alice, upstream) == ["user"]
    assert_audit_is_clean()


def test_what_is_held_is_no_less_than_what_is_asked(
    rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    make(upstream, price=PRICE)

    ask_thrice(rich_alice, upstream)

    last = Generation.objects.order_by("-pk")[0]
    assert (last.branch_tokens, last.asked_tokens) == (5 * 84, 200)
    texts = [message["content"] for message in upstream.requests[-1]["messages"]]
    counts = counting._counter.count(texts, Tokenizer.O200K)
    assert counts is not None
    assert sum(counts) + 4 * len(counts) == 5 * 34 <= last.asked_tokens
    assert_audit_is_clean()


def test_where_nobody_counts_a_branch_is_fitted_by_the_estimate(
    rich_alice: Member, upstream: Upstream, engine: EngineThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(upstream)
    monkeypatch.setattr("apps.chat.gateways.token_counter.MOST_COUNTED_CHARS", 10)

    assert ask_thrice(rich_alice, upstream) == ["user"]


def test_a_request_is_counted_before_it_is_refused_for_its_length(rich_alice: Member, upstream: Upstream) -> None:
    make(upstream, price=PRICE)
    turns = (("user", [LONG]), ("assistant", [LONG]), ("user", [LONG]))

    begun = start(rich_alice, *turns)

    row = generation(begun.id)
    assert row.asked_tokens == 3 * 84  # for which it is held: what it costs is no more
    with pytest.raises(errors.RequestTooLong):
        start(rich_alice, *turns[:2], *turns, *turns[:2], *turns)
    make(upstream, tokenizer=Tokenizer.ESTIMATE)
    with pytest.raises(errors.RequestTooLong):
        start(rich_alice, *turns)
    assert Generation.objects.count() == 1


def test_who_breaks_an_answer_off_pays_what_was_kept_exactly(
    rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    make(upstream, price=PRICE)
    upstream.scripts["up-base"] = [piece("a" * 240), Drop()]

    asked = send(rich_alice.id, LONG)
    settled(rich_alice.id, asked.generation.id)

    usage = AnswerUsage.objects.get()
    assert (usage.input_tokens, usage.output_tokens, usage.kept_tokens) == (34, 30, 30)
    assert usage.charged_milli == 7  # 6.4
    assert_audit_is_clean()


def test_a_provider_that_counts_nothing_has_its_tokens_counted(
    rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    make(upstream, price=PRICE)
    upstream.scripts["up-base"] = [piece("a" * 240), reason("stop"), b"data: [DONE]\n\n"]

    asked = send(rich_alice.id, LONG)
    done, _ = settled(rich_alice.id, asked.generation.id)

    usage = AnswerUsage.objects.get()
    assert (done.state, usage.basis) == (GenerationState.FINISHED, "counted")
    assert (usage.input_tokens, usage.output_tokens) == (34, 30)
    make(upstream, price=PRICE, tokenizer=Tokenizer.ESTIMATE)
    upstream.scripts["up-base"] = [piece("a" * 240), reason("stop"), b"data: [DONE]\n\n"]
    asked = send(rich_alice.id, LONG)
    settled(rich_alice.id, asked.generation.id)
    usage = AnswerUsage.objects.get(pk=asked.generation.id)
    assert (usage.input_tokens, usage.output_tokens) == (rules.message_tokens(LONG), 80)
    assert_audit_is_clean()


def test_operators_say_whose_tokens_they_are(upstream: Upstream) -> None:
    make(upstream)

    assert ChatModel.objects.get().tokenizer == "o200k_base"
    with pytest.raises(errors.ConfigurationNotValid):
        services.save_model(code="base", name="Base", price_milli=1, tokenizer="p50k", now=clock.now())
