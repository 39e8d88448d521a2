"""Chat in tests: a catalogue, a provider over real HTTP, an engine in a thread, and the site under uvicorn."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import uvicorn
from django.conf import settings
from django.db import transaction

from apps.accounts.contracts import Member
from apps.chat import rules, services
from apps.chat.contracts import OPENAI_COMPATIBLE, Asked, GenerationDetail, Job, Policy, Role, Target
from apps.chat.engine.attempt_notes import AttemptNote
from apps.chat.engine.loop import Engine
from apps.chat.engine.service_calls import Services
from apps.chat.models import Channel, ChatModel, Generation
from apps.chat.registries import AttemptPhase
from apps.chat.services import routing
from apps.chat.services.health import has_failed
from apps.kernel import clock
from apps.kernel.ids import UserId, new_id
from apps.ledger.contracts import Cause, Purse
from config.asgi import application
from tests.integration.chat.upstream import Upstream, running_upstream

# Only a failure waits this long; starting a process on a busy machine takes its time.
_PATIENCE_SECONDS = 120.0


def wait_for(condition: Callable[[], object], *, what: str) -> None:
    """Return as soon as the condition holds; fail when it does not within the deadline."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited in vain for: {what}")
        time.sleep(0.01)


def give_quota(user_id: UserId, amount_milli: int) -> None:
    """Quota out of nowhere."""
    with transaction.atomic():
        services.grant_quota(
            user_id=user_id,
            amount_milli=amount_milli,
            purse=Purse.GIFT,
            kind="test",
            cause=Cause("test", str(new_id())),
            now=clock.now(),
        )


def set_limits(*, free_per_day: int = 0, max_running: int = 5, **more: Any) -> None:
    """The operators' limits; room for as many answers at our cost as a test may want to run."""
    limits = Policy(free_per_day=free_per_day, max_running=max_running, **{"max_unpaid_per_day": 1000, **more})
    services.save_policy(policy=limits, now=clock.now())


def make_model(
    code: str = "base",
    *,
    url: str = "http://127.0.0.1:9/v1",
    channel: str = "test",
    upstream: str = "",
    price_milli: int = 1000,
    **more: object,
) -> None:
    """A model on a channel at this address."""
    services.save_channel(code=channel, base_url=url, api_key="sk-test-secret", now=clock.now())
    services.save_model(
        code=code,
        name=code.title(),
        price_milli=price_milli,
        now=clock.now(),
        **more,  # type: ignore[arg-type]  # each test names its own
    )
    services.save_route(model_code=code, channel_code=channel, upstream_name=upstream or f"up-{code}", now=clock.now())


def send(
    user_id: UserId, text: str = "hello", *, model: str = "base", now: datetime | None = None, **more: object
) -> Asked:
    """Send a message in a new conversation, or in the one that is given."""
    now = now or clock.now()
    conversation_id = more.pop("conversation_id", None)
    if conversation_id is None:
        conversation_id = services.create_conversation(user_id=user_id, now=now).id
    return services.ask_question(
        user_id=user_id,
        conversation_id=conversation_id,  # type: ignore[arg-type]
        text=text,
        model=model,
        client_id=str(more.pop("client_id", new_id())),
        now=now,
        **more,  # type: ignore[arg-type]
    )


def settled(user_id: UserId, generation_id: UUID) -> tuple[GenerationDetail, str]:
    """Wait for the end of an answer: how it stands, and its text."""
    wait_for(
        lambda: services.read_answer(user_id=user_id, generation_id=generation_id).generation.is_settled,
        what="a settled generation",
    )
    view = services.read_answer(user_id=user_id, generation_id=generation_id)
    return view.generation, view.text


def redis_is_at(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another Redis for those who connect from now on; the process-wide client stays where it is."""
    monkeypatch.setattr(settings, "REDIS_URL", url)


def be_impatient(monkeypatch: pytest.MonkeyPatch, **seconds: float) -> None:
    """Channels that there are, and that will be made, are given less time."""
    for name, value in seconds.items():
        monkeypatch.setattr(f"apps.chat.rules.limits.{name.upper().replace('SECONDS', 'MS')}", int(value * 1000))
    for channel in Channel.objects.all():
        services.save_channel(code=channel.code, base_url=channel.base_url, api_key=None, now=clock.now())


@pytest.fixture
def rich_alice(alice: Member) -> Member:
    """Alice with five credits, and no free uses for anybody."""
    set_limits(free_per_day=0)
    give_quota(alice.id, 5000)
    return alice


@pytest.fixture
def model(db: None) -> str:
    """A model that nobody answers for."""
    make_model()
    return "base"


@pytest.fixture
def upstream(db: None) -> Iterator[Upstream]:
    """The provider, with the model "base" on it (upstream it is called "up-base")."""
    with running_upstream() as running:
        make_model(url=running.url)
        yield running


def target(url: str) -> Target:
    """The channel at this address, for those who ask it without an engine."""
    return Target(
        route_id=uuid4(),
        key_id=uuid4(),
        channel="test",
        channel_kind=OPENAI_COMPATIBLE,
        base_url=url,
        proxy_url="",
        api_key="sk-test-secret",
        upstream_model="up-base",
        max_running=80,
        connect_seconds=5.0,
        first_word_seconds=120.0,
        silence_seconds=60.0,
        total_seconds=600.0,
    )


def job(url: str, text: str = "hello") -> Job:
    """A question to the channel at this address."""
    return Job(
        generation_id=uuid4(),
        lease_token=uuid4(),
        targets=(target(url),),
        max_output_tokens=100,
        turns=(rules.text_turn(Role.USER, text),),
    )


def whole_attempt(job: Job) -> AttemptNote:
    """That the first target of this job answered, for those who end it without an engine."""
    return AttemptNote(
        generation_id=job.generation_id,
        number=1,
        target=job.targets[0],
        phase=AttemptPhase.STREAM,
        code="",
        blame=None,
        first_word_ms=300,
        total_ms=900,
    )


def ail(channel: str, *, times: int = 1) -> None:
    """This channel of the model "base" fails so often, and so badly that it is no fault of a question."""
    nobody = new_id()
    model = ChatModel.objects.get(code="base")
    targets = routing.targets_of(model_id=model.pk, generation_id=nobody, now=clock.now())
    target = next(target for target in targets if target.channel == channel)
    for _ in range(times):
        has_failed(target=target, generation_id=nobody, code="upstream_failed", now=clock.now())


class EngineThread:
    """The engine in a thread, as `manage.py generate` runs it in a process."""

    def __init__(self, *, asks: Services = services, **limits: int) -> None:
        self._asks = asks
        self._limits = limits
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="engine")

    def start(self) -> None:
        """Begin to take jobs."""
        self._thread.start()

    def end(self) -> None:
        """End as on SIGTERM, with no patience; returns when it has ended."""
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(_PATIENCE_SECONDS)
        assert not self._thread.is_alive(), "the engine did not end"

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(Engine(self._asks, **self._limits).work(self._ending, patience=0.1))
        self._loop.close()


@pytest.fixture
def engine(transactional_db: None) -> Iterator[EngineThread]:
    """A working engine."""
    thread = EngineThread()
    thread.start()
    yield thread
    thread.end()


@pytest.fixture
def site(transactional_db: None) -> Iterator[str]:
    """The address of the whole site under uvicorn."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="site")
    thread.start()
    wait_for(lambda: server.started, what="uvicorn")
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(_PATIENCE_SECONDS)
    assert not thread.is_alive(), "the site did not end"


def generation(generation_id: UUID) -> Generation:
    """The row."""
    return Generation.objects.select_related("message").get(pk=generation_id)
