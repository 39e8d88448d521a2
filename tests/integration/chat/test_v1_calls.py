"""A call of several answers hears of each how it ended, whichever ends first and however many end in one moment."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from django.test import RequestFactory

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.api.compatible.calls import Begun, Call
from apps.chat.api.live import LiveAnswers
from apps.chat.contracts import AnswerView
from apps.kernel import clock
from apps.kernel.event_loops import of_loop
from tests.integration.chat.conftest import EngineThread, settled
from tests.integration.chat.test_without_conversation import SAID, request_of
from tests.integration.chat.upstream import Upstream, answer

pytestmark = pytest.mark.django_db(transaction=True)


def test_answers_that_end_in_one_moment_are_all_told(
    rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = answer("one")
    started = services.start_for_program(
        user_id=rich_alice.id, model="base", requests=[request_of(*SAID)], answers=3, now=clock.now()
    )
    views = [AnswerView(generation=settled(rich_alice.id, each.id)[0], text="") for each in started.generations]
    ended = services.read_progress(generation_ids=[each.id for each in started.generations])

    async def read() -> list[AnswerView]:
        async with AsyncExitStack() as others:
            # Another reader has heard how they ended: nobody waits for a row, and all end in one step of the loop.
            for view in views:
                live = await others.enter_async_context(of_loop(LiveAnswers).reading(rich_alice.id, view))
                live.take(ended[live.generation_id])
                await live.end()
            begun = Begun(user_id=rich_alice.id, generations=started.generations, is_followed=False)
            return await (await Call.begin(RequestFactory().post("/v1/chat/completions"), lambda: begun)).ends()

    ends = asyncio.run(read())

    assert [view.generation.id for view in ends] == [each.id for each in started.generations]
    assert [view.text for view in ends] == ["one"] * 3
