"""Channels that give more than was asked for: by the token nobody gets much more of an answer than was set aside."""

from collections.abc import Sequence
from typing import Any

import pytest

from apps.accounts.contracts import Member
from apps.chat.contracts import GenerationState, PerTokens
from apps.chat.models import AnswerUsage, Generation
from tests.integration.chat.conftest import EngineThread, make_model, settled
from tests.integration.chat.test_abandoned import assert_audit_is_clean
from tests.integration.chat.test_reasoning import thought
from tests.integration.chat.test_without_conversation import start
from tests.integration.chat.upstream import Upstream, answer, piece, reason, usage

pytestmark = pytest.mark.django_db(transaction=True)

PRICE = PerTokens(input_milli=1000, cached_milli=1000, output_milli=1000)
# By our count: four times what was asked for, and a hundred.
MOST = 104


@pytest.fixture(autouse=True)
def by_token(upstream: Upstream) -> None:
    make_model(url=upstream.url, price=PRICE)


def kept(row: Generation) -> int:
    return AnswerUsage.objects.get(pk=row.pk).kept_tokens


@pytest.mark.parametrize(
    "script",
    [
        [*[piece("lots of it ")] * 500, *answer("the end")],
        [piece("说" * 20_000), *answer("the end")],
        [*[thought("let me think ")] * 500, *answer("the end")],
        [thought("想" * 20_000), *answer("the end")],
    ],
    ids=["words", "one piece", "thoughts", "one thought"],
)
def test_one_token_buys_no_long_answer(
    rich_alice: Member, upstream: Upstream, engine: EngineThread, script: Sequence[Any]
) -> None:
    upstream.scripts["up-base"] = script

    done, _ = settled(rich_alice.id, start(rich_alice, ("user", ["hello"]), max_output_tokens=1).id)

    row = Generation.objects.get(pk=done.id)
    # What comes at once is taken together: of text and of thoughts so many signs, and in Chinese each is a token.
    assert MOST <= kept(row) <= 6 * MOST
    assert (done.finish_reason, done.is_delivered) == ("length", True)
    assert (done.charged_milli, row.held_milli) == (7, 7)  # six tokens of the question, and one
    assert_audit_is_clean()


def test_what_is_a_little_longer_is_the_whole_answer(
    rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = [*[piece("word ")] * 50, reason("stop"), usage(6, 50)]

    done, text = settled(rich_alice.id, start(rich_alice, ("user", ["hello"]), max_output_tokens=1).id)

    assert (done.state, done.finish_reason, text) == (GenerationState.FINISHED, "stop", "word " * 50)
    assert AnswerUsage.objects.get().absorbed_milli == 49


def test_a_price_per_answer_buys_all_of_it(rich_alice: Member, upstream: Upstream, engine: EngineThread) -> None:
    make_model(url=upstream.url)
    upstream.scripts["up-base"] = [*[piece("lots of it ")] * 500, *answer("the end")]

    done, text = settled(rich_alice.id, start(rich_alice, ("user", ["hello"]), max_output_tokens=1).id)

    assert (done.finish_reason, text.endswith("the end")) == ("stop", True)
    assert done.charged_milli == 1000
