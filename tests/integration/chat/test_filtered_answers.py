"""Operators' words in answers: what readers are shown, what is kept, charged and recorded."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import GenerationState, WordAction
from apps.chat.engine import feed
from apps.kernel.redis import async_redis
from tests.integration.chat.conftest import EngineThread, generation, send, settled, wait_for
from tests.integration.chat.test_reasoning import thought
from tests.integration.chat.test_word_lists import hits, save_list
from tests.integration.chat.upstream import Upstream, answer, piece

pytestmark = pytest.mark.django_db(transaction=True)


def shown_now(generation_id: object) -> str:
    """What readers are shown of an answer by now."""

    async def read() -> str:
        client = async_redis()
        try:
            pieces = await feed.kept(client, generation_id, after=0)  # type: ignore[arg-type]
        finally:
            await client.aclose()
        return "".join(one.text for one in pieces if isinstance(one, feed.Piece))

    return asyncio.run(read())


@pytest.fixture
def begin(transactional_db: None) -> Iterator[Callable[[], None]]:
    """Starts an engine, which knows the words of that moment."""
    engine = EngineThread()
    yield engine.start
    engine.end()


def test_a_word_is_masked_however_the_provider_cuts_it(
    rich_alice: Member, upstream: Upstream, begin: Callable[[], None]
) -> None:
    save_list(WordAction.MASK, "红苹果", allowed=("红苹果派",))
    begin()
    upstream.scripts["up-base"] = [
        thought("想 红苹"),
        thought("果"),
        *answer("吃红", "苹", " 果和", "红苹果", "派。红苹"),
    ]

    asked = send(rich_alice.id)
    done, text = settled(rich_alice.id, asked.generation.id)

    assert (done.state, done.finish_reason, text) == (GenerationState.FINISHED, "stop", "吃＊＊ ＊和红苹果派。红苹")
    assert generation(done.id).reasoning == "想 ＊＊＊"
    assert hits() == [("mask", "mask", "answer", 1, True), ("mask", "mask", "answer", 1, True)]


def test_what_may_become_a_word_is_shown_to_nobody_before_it_is_known(
    rich_alice: Member, upstream: Upstream, begin: Callable[[], None]
) -> None:
    save_list(WordAction.MASK, "红苹果")
    begin()
    more, rest = threading.Event(), threading.Event()
    upstream.scripts["up-base"] = [piece("一个红苹"), more, piece("果，"), rest, *answer("好")]

    asked = send(rich_alice.id)
    wait_for(lambda: shown_now(asked.generation.id) == "一个", what="the first piece")
    time.sleep(0.2)
    assert shown_now(asked.generation.id) == "一个"
    more.set()
    wait_for(lambda: shown_now(asked.generation.id) == "一个＊＊＊，", what="the masked word")
    rest.set()

    assert settled(rich_alice.id, asked.generation.id)[1] == "一个＊＊＊，好"


def test_a_rejected_word_ends_the_answer_and_what_was_shown_is_kept_and_paid(
    rich_alice: Member, upstream: Upstream, begin: Callable[[], None]
) -> None:
    save_list(WordAction.REJECT, "绿香蕉")
    begin()
    never = threading.Event()
    upstream.scripts["up-base"] = [piece("先看看绿"), piece("香蕉和更多"), never, *answer("没有人看见")]

    asked = send(rich_alice.id)
    done, text = settled(rich_alice.id, asked.generation.id)
    never.set()

    assert (done.state, done.finish_reason, done.error_code) == (
        GenerationState.FINISHED,
        "content_filter",
        "answer_filtered",
    )
    assert (text, done.is_delivered, done.charged_milli) == ("先看看", True, 1000)
    assert hits() == [("reject", "reject", "answer", 1, True)]
    wait_for(upstream.hung_up.is_set, what="the end of the call upstream")


@pytest.mark.parametrize(
    "script", [[piece("绿香蕉派"), *answer("!")], [thought("绿香蕉派"), *answer("看")]], ids=["answer", "thoughts"]
)
def test_an_answer_of_which_nothing_was_shown_costs_nothing(
    rich_alice: Member, upstream: Upstream, begin: Callable[[], None], script: list[bytes]
) -> None:
    save_list(WordAction.REJECT, "绿香蕉")
    begin()
    upstream.scripts["up-base"] = script

    asked = send(rich_alice.id)
    done, text = settled(rich_alice.id, asked.generation.id)

    assert (done.state, done.finish_reason, done.error_code) == (
        GenerationState.FAILED,
        "content_filter",
        "answer_filtered",
    )
    assert (text, done.is_delivered, done.charged_milli) == ("", False, 0)
    assert generation(done.id).unpaid_day is not None


def test_a_word_at_the_very_end_is_judged_at_the_end(
    rich_alice: Member, upstream: Upstream, begin: Callable[[], None]
) -> None:
    save_list(WordAction.REJECT, "plum", allowed=("plum tree",))
    begin()
    upstream.scripts["up-base"] = answer("eat a ", "plum")

    asked = send(rich_alice.id)
    done, text = settled(rich_alice.id, asked.generation.id)

    assert (done.finish_reason, done.error_code, text) == ("content_filter", "answer_filtered", "eat a ")


def test_a_stopped_answer_keeps_what_waited_without_its_words(
    rich_alice: Member, upstream: Upstream, begin: Callable[[], None]
) -> None:
    save_list(WordAction.MASK, "plum", "绿香蕉皮")
    begin()
    never = threading.Event()
    upstream.scripts["up-base"] = [piece("看 plum"), never, *answer()]

    asked = send(rich_alice.id)
    wait_for(lambda: shown_now(asked.generation.id) == "看 ", what="the first piece")
    services.stop_generation(user_id=rich_alice.id, generation_id=asked.generation.id, now=asked.message.created_at)
    done, text = settled(rich_alice.id, asked.generation.id)
    never.set()

    assert (done.state, text) == (GenerationState.STOPPED, "看 ＊＊＊＊")


def test_a_change_of_the_lists_counts_within_two_seconds_for_an_answer_under_way(
    rich_alice: Member, upstream: Upstream, begin: Callable[[], None]
) -> None:
    begin()
    more = threading.Event()
    upstream.scripts["up-base"] = [piece("红苹果。"), more, *answer("红苹果。", "红苹果。")]
    asked = send(rich_alice.id)
    wait_for(lambda: shown_now(asked.generation.id) == "红苹果。", what="the first piece")

    save_list(WordAction.MASK, "红苹果")
    time.sleep(2)
    more.set()

    assert settled(rich_alice.id, asked.generation.id)[1] == "红苹果。＊＊＊。＊＊＊。"
