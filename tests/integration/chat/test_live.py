"""What readers of one process share: a connection to Redis and a text; and what is missed on it is made good."""

import asyncio
import threading
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.api.compatible.calls import Begun, Call
from apps.chat.api.live import _LOOK_SECONDS, LiveAnswers
from apps.chat.contracts import AnswerView
from apps.chat.engine import feed
from apps.chat.engine.feed import End, Feeder, Piece
from apps.kernel import clock
from apps.kernel.event_loops import of_loop
from apps.kernel.redis import Channels, async_redis, sync_redis
from tests.integration.chat.conftest import EngineThread, send, settled, wait_for
from tests.integration.chat.test_streams import opened, text_of
from tests.integration.chat.test_without_conversation import SAID, request_of
from tests.integration.chat.upstream import Upstream, answer, piece

pytestmark = pytest.mark.django_db(transaction=True)


def connections() -> list[dict[str, Any]]:
    """Those of this test to Redis, whoever else uses it."""
    mine = sync_redis().client_info()["db"]
    return [client for client in sync_redis().client_list() if client["db"] == str(mine)]


def is_followed(name: str) -> bool:
    """Whether somebody hears the channel."""
    return bool(dict(sync_redis().pubsub_numsub(name))[name.encode()])


def test_more_readers_are_no_more_connections_to_redis(site: str, rich_alice: Member, model: str) -> None:
    asked = [send(rich_alice.id).generation.id for _ in range(2)]

    with ExitStack() as streams:
        streams.enter_context(opened(site, rich_alice.id, asked[0]))
        wait_for(lambda: is_followed(feed.channel(asked[0])), what="the first reader")
        before = len(connections())
        for number in range(20):
            streams.enter_context(opened(site, rich_alice.id, asked[number % 2]))
        wait_for(lambda: is_followed(feed.channel(asked[1])), what="a reader of the other")

        assert len(connections()) <= before + 1  # what both missed is read on one
    wait_for(lambda: not any(is_followed(feed.channel(name)) for name in asked), what="their leaving")


def test_a_reader_misses_nothing_when_redis_hangs_up(
    site: str, rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    unheard, rest = threading.Event(), threading.Event()
    upstream.scripts["up-base"] = [piece("one "), unheard, piece("two "), rest, *answer("three")]
    asked = send(rich_alice.id)

    with opened(site, rich_alice.id, asked.generation.id) as stream:
        stream.until("one ")
        for client in connections():
            if client["sub"] != "0":
                sync_redis().client_kill_filter(_id=client["id"])
        unheard.set()
        stream.until("two ")
        rest.set()
        events = list(stream.events())

    assert (text_of(events), events[-1][0]) == ("three", "done")


def test_what_does_not_fit_waits_for_the_saved_text(site: str, rich_alice: Member, model: str) -> None:
    asked = send(rich_alice.id)
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    name = feed.channel(job.generation_id)

    with opened(site, rich_alice.id, asked.generation.id) as stream:
        wait_for(lambda: is_followed(name), what="the reader")
        sync_redis().publish(name, b"16 after the gap")
        services.keep_text(
            generation_id=job.generation_id, lease_token=job.lease_token, text="lost after the gap", now=clock.now()
        )
        stream.until("lost after the gap")


async def test_pieces_that_wait_for_redis_go_together() -> None:
    client, name = async_redis(), uuid4()
    feeder = Feeder(client)
    feeder.put(name, Piece("wait", 4))
    feeder.put(name, Piece(" for it", 11))

    await feeder.flush()

    assert await feed.kept(client, name, after=0) == [Piece("wait for it", 11)]
    await client.aclose()


@pytest.mark.parametrize(("after", "first"), [(0, 1), (99, 99), (100, 100), (249, 249)])
async def test_what_was_missed_is_read_from_the_end_back_to_it(after: int, first: int) -> None:
    client, name = async_redis(), uuid4()
    pipe = client.pipeline(transaction=False)
    for end in range(1, 251):
        pipe.xadd(feed.channel(name), {"text": "x", "end_offset": end})
    pipe.xadd(feed.channel(name), {"end": 1})
    await pipe.execute()

    *pieces, last = await feed.kept(client, name, after=after)

    ends = [found.end for found in pieces if isinstance(found, Piece)]
    assert ends[-1] == 250
    assert ends == list(range(ends[0], 251))
    assert ends[0] <= first + 1
    assert isinstance(last, End)
    await client.aclose()


def test_who_waits_for_the_end_alone_is_told_it_whenever_it_comes(
    rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    """Nobody listens to its channel, nor asks for the balance; one that ended before is known from the last ends."""
    upstream.scripts["up-base"] = answer("one")

    def begun() -> Begun:
        started = services.start_for_program(
            user_id=rich_alice.id, model="base", requests=[request_of(*SAID)], now=clock.now()
        )
        return Begun(user_id=rich_alice.id, generations=started.generations, is_followed=False)

    def begun_and_ended() -> Begun:
        asked = begun()
        settled(rich_alice.id, asked.generations[0].id)
        return asked

    async def read() -> list[tuple[AnswerView, bool]]:
        ends, channels = [], of_loop(Channels)
        of_loop(LiveAnswers)
        while not channels.is_heard(feed.ENDS):
            await asyncio.sleep(0.01)
        for begin in (begun, begun_and_ended):
            call = await Call.begin(RequestFactory().post("/v1/chat/completions"), begin)
            is_listened_to = is_followed(feed.channel(call.begun.generations[0].id))
            # Not by a look at the row, which would come later.
            async with asyncio.timeout(_LOOK_SECONDS * 0.9):
                ends.append(((await call.ends())[0], is_listened_to))
        return ends

    for end, is_listened_to in asyncio.run(read()):
        assert (end.text, end.balance_milli, is_listened_to) == ("one", None, False)


def test_who_follows_an_answer_after_all_hears_its_words(site: str, rich_alice: Member, model: str) -> None:
    asked = send(rich_alice.id).generation
    begun = Begun(user_id=rich_alice.id, generations=(asked,), is_followed=False)

    async def heard() -> str:
        await Call.begin(RequestFactory().post("/v1/chat/completions"), lambda: begun)
        async with of_loop(LiveAnswers).reading(rich_alice.id, AnswerView(generation=asked, text="")) as live:
            while not live.text:
                feed_client = async_redis()
                feeder = Feeder(feed_client)
                feeder.put(asked.id, Piece("words", 5))
                await feeder.flush()
                await feed_client.aclose()
                await asyncio.sleep(0.05)
            return live.text

    assert asyncio.run(heard()) == "words"


def test_many_are_claimed_in_as_many_statements_as_one(rich_alice: Member, model: str) -> None:
    statements = []
    for number in (1, 4):
        for _ in range(number):
            send(rich_alice.id)
        with CaptureQueriesContext(connection) as captured:
            assert len(services.claim_jobs(limit=10, now=clock.now())) == number
        # The routes with their keys are read once a second, however many are claimed.
        routing = ('FROM "chat_route"', 'FROM "chat_channelkey"')
        statements.append(len([query for query in captured if not any(part in query["sql"] for part in routing)]))

    assert statements[0] == statements[1]


def test_what_somebody_else_took_meanwhile_is_not_claimed(rich_alice: Member, model: str) -> None:
    asked = [send(rich_alice.id).generation.id for _ in range(3)]
    stopped: list[object] = []

    def stop_one(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith('UPDATE "chat_generation"') and not stopped:
            stopped.append(asked[1])
            services.stop_generation(user_id=rich_alice.id, generation_id=asked[1], now=clock.now())
        return execute(sql, *rest)

    with connection.execute_wrapper(stop_one):
        jobs = services.claim_jobs(limit=10, now=clock.now())

    assert [job.generation_id for job in jobs] == [asked[0], asked[2]]
