"""How much is written while an answer is under way."""

import threading
import time
from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import GenerationState, Job
from apps.chat.words.lexicon import Lexicon
from apps.kernel import clock
from tests.integration.chat.conftest import EngineThread, generation, send, settled, wait_for
from tests.integration.chat.upstream import Upstream, answer, piece

pytestmark = pytest.mark.django_db(transaction=True)

CHARS_PER_SECOND = 8_000


class Diary:
    """The services, and when they were told to keep how many characters; None is a renewal of the lease only."""

    def __init__(self) -> None:
        self.entries: list[tuple[float, int | None]] = []

    def claim_jobs(self, *, limit: int, now: datetime, per_channel: int, running: Mapping[str, int]) -> list[Job]:
        jobs = services.claim_jobs(limit=limit, now=now, per_channel=per_channel, running=running)
        self.entries += [(time.monotonic(), 0) for _ in jobs]
        return jobs

    def keep_text(
        self, *, generation_id: UUID, lease_token: UUID, text: str | None, now: datetime, route_id: UUID | None
    ) -> bool:
        self.entries.append((time.monotonic(), None if text is None else len(text)))
        return services.keep_text(
            generation_id=generation_id, lease_token=lease_token, text=text, now=now, route_id=route_id
        )

    finish_run = staticmethod(services.finish_run)
    begin_probe = staticmethod(services.begin_probe)
    has_begun = staticmethod(services.has_begun)
    record_attempt = staticmethod(services.record_attempt)
    fit_job = staticmethod(services.fit_job)
    count_answer = staticmethod(services.count_answer)
    store_made = staticmethod(services.store_made)

    def find_stop_requests(self, *, generation_ids: Collection[UUID]) -> set[UUID]:
        return services.find_stop_requests(generation_ids=generation_ids)

    def settle_abandoned(self, *, now: datetime) -> int:
        return services.settle_abandoned(now=now)

    def lexicon(self) -> Lexicon:
        return services.lexicon()


def test_a_long_answer_writes_no_more_text_per_second_than_a_short_one(
    rich_alice: Member, upstream: Upstream, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Looked at and renewed more often than in life, so that whatever may be written at all is written here.
    monkeypatch.setattr("apps.chat.engine.run._SAVE_SECONDS", 0.05)
    monkeypatch.setattr("apps.chat.engine.run._RENEW_SECONDS", 0.2)
    more, rest = threading.Event(), threading.Event()
    upstream.scripts["up-base"] = [piece("x" * 12_000), more, piece("y" * 6_000), rest, *answer()]
    diary = Diary()
    engine = EngineThread(asks=diary)
    engine.start()

    asked = send(rich_alice.id)
    for gate, length in ((more, 12_000), (rest, 18_000)):
        wait_for(lambda: len(generation(asked.generation.id).text) == length, what="saved text")  # noqa: B023
        gate.set()
    done, _ = settled(rich_alice.id, asked.generation.id)
    engine.end()

    assert done.state == GenerationState.FINISHED
    saves = [(at, length) for at, length in diary.entries if length is not None]
    assert [length for _, length in saves][-1] == 18_000
    for (before, _), (at, length) in zip(saves, saves[1:], strict=False):
        assert length <= CHARS_PER_SECOND * (at - before)
    assert None in [length for _, length in diary.entries]


def test_renewing_a_lease_touches_no_text(rich_alice: Member, model: str) -> None:
    asked = send(rich_alice.id)
    [job] = services.claim_jobs(limit=1, now=clock.now(), per_channel=1, running={})
    services.keep_text(generation_id=job.generation_id, lease_token=job.lease_token, text="so far", now=clock.now())

    with CaptureQueriesContext(
        connection,
    ) as statements:
        assert services.keep_text(
            generation_id=job.generation_id, lease_token=job.lease_token, text=None, now=clock.now()
        )

    assert not [query["sql"] for query in statements if "text" in query["sql"] or "so far" in query["sql"]]
    assert generation(asked.generation.id).text == "so far"
