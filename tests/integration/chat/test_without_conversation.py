"""A generation needs no conversation: the same engine answers it, the same rules and money, erased with its member."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.contracts import Member
from apps.accounts.errors import KeySpendCapReached
from apps.chat import errors, services
from apps.chat.contracts import GenerationDetail, GenerationState, Outcome, PaidBy
from apps.chat.models import Conversation, Generation, Message
from apps.kernel import clock
from apps.kernel.errors import DomainError
from tests.integration.chat.conftest import EngineThread, generation, make_model, send, set_limits, settled
from tests.integration.chat.test_abandoned import assert_audit_is_clean, end
from tests.integration.chat.test_keys import key_of, spent
from tests.integration.chat.upstream import Upstream, answer

pytestmark = pytest.mark.django_db

SAID = [("user", ["Listen.", "repeat: one two"]), ("assistant", ["one two"]), ("user", ["repeat: three four"])]


def request_of(*turns: tuple[str, list[str]]) -> list[dict[str, Any]]:
    """A request as a program sends it."""
    return [{"role": role, "parts": [{"type": "text", "text": text} for text in texts]} for role, texts in turns]


def start(member: Member, *turns: tuple[str, list[str]], **more: Any) -> GenerationDetail:
    """Ask without a conversation."""
    request = request_of(*(turns or SAID))
    return services.start_generation(user_id=member.id, request=request, now=clock.now(), **{"model": "base", **more})


def answered(member: Member) -> GenerationDetail:
    """One that is answered, with a thought."""
    started = start(member)
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    done = Outcome(state=GenerationState.FINISHED, text="five", reasoning="count on", finish_reason="stop")
    services.finish_run(generation_id=job.generation_id, lease_token=job.lease_token, outcome=done, now=clock.now())
    return started


def test_whether_there_is_room_is_one_statement(rich_alice: Member, model: str) -> None:
    """Each program's question asks it; free uses are touched once more, by whoever pays."""
    start(rich_alice)
    with CaptureQueriesContext(connection) as queries:
        start(rich_alice)

    asked = [
        query["sql"] for query in queries if "chat_freeuse" in query["sql"] or 'FROM "chat_generation"' in query["sql"]
    ]
    assert [sql.split()[0] for sql in asked] == ["INSERT", "SELECT"]


@pytest.mark.django_db(transaction=True)
def test_the_engine_and_the_model_server_answer_it(rich_alice: Member, site: str, engine: EngineThread) -> None:
    make_model(upstream="demo-swift")
    key = settings.SANDBOX["MODEL_API_KEY"]
    services.save_channel(code="test", base_url=f"{site}/sandbox/llm/v1", api_key=key, now=clock.now())

    started = start(rich_alice)
    done, text = settled(rich_alice.id, started.id)

    assert (started.message_id, started.conversation_id) == (None, None)
    assert (done.state, text, done.charged_milli) == (GenerationState.FINISHED, "three four", 1000)
    assert generation(started.id).request == request_of(*SAID)
    assert (Conversation.objects.count(), Message.objects.count()) == (0, 0)
    assert services.quota_of(user_id=rich_alice.id, now=clock.now()).balance_milli == 4000
    assert_audit_is_clean()


@pytest.mark.django_db(transaction=True)
def test_the_channel_hears_every_turn_and_its_owner_follows_the_answer(
    rich_alice: Member, alice_browser: Client, bob_browser: Client, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = answer("five")
    started = start(rich_alice)
    settled(rich_alice.id, started.id)
    events, stop = (f"/api/v1/chat/generations/{started.id}/{what}" for what in ("events", "stop"))

    told = alice_browser.post(stop, {}, content_type="application/json").json()

    assert upstream.requests[-1]["messages"] == [
        {"role": "user", "content": "Listen.\nrepeat: one two"},
        {"role": "assistant", "content": "one two"},
        {"role": "user", "content": "repeat: three four"},
    ]
    assert (told["state"], told["message_id"], told["conversation_id"]) == ("finished", None, None)
    assert bob_browser.post(stop, {}, content_type="application/json").json()["code"] == "generation_not_found"
    assert bob_browser.get(events).status_code == 404


@pytest.mark.parametrize(
    ("request_", "refusal"),
    [
        ([], errors.RequestNotValid),
        ([{"role": "system", "parts": [{"type": "text", "text": "obey"}]}], errors.RequestNotValid),
        (request_of(("user", ["hi"]), ("system", ["obey"]), ("user", ["hi"])), errors.RequestNotValid),
        (request_of(("system", ["obey"]), ("user", ["hi"])), errors.SystemPromptRefused),
        (request_of(("developer", ["obey"]), ("user", ["hi"])), errors.RequestNotValid),
        (request_of(("user", ["nul\0"])), errors.RequestNotValid),
        (request_of(("user", ["half \ud800 a pair"])), errors.RequestNotValid),
        (request_of(*[("user", ["x"])] * 201), errors.RequestNotValid),
        (request_of(("user", ["x"] * 21)), errors.RequestNotValid),
        (request_of(("user", ["x" * 400_001]), ("user", ["hi"])), errors.MessageTooLong),
        ([{"role": "user", "parts": [{"type": "image", "url": "https://a.b/c.png"}]}], errors.ImagesNotUnderstood),
        (request_of(("user", [" \n"])), errors.MessageEmpty),
        (request_of(("user", ["x" * 32_001])), errors.MessageTooLong),
        # What a conversation's branch is cut to: a long text before a short question is paid as one answer, too.
        (request_of(("user", ["x" * 50_000]), ("user", ["Sum up."])), errors.RequestTooLong),
    ],
)
def test_what_cannot_be_asked_leaves_nothing(
    rich_alice: Member, model: str, request_: list[Any], refusal: type[DomainError]
) -> None:
    with pytest.raises(refusal):
        services.start_generation(user_id=rich_alice.id, model="base", request=request_, now=clock.now())

    assert not Generation.objects.exists()
    assert services.quota_of(user_id=rich_alice.id, now=clock.now()).held_milli == 0


@pytest.mark.django_db(transaction=True)
def test_a_request_speaks_as_the_system_where_operators_allow_it(
    rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    services.save_rule(
        code="system-prompts", is_on=False, place=None, actor="staff:x", reason="for a partner", now=clock.now()
    )
    upstream.scripts["up-base"] = answer("aye")

    started = start(rich_alice, ("system", ["Answer as a pirate."]), ("user", ["hi"]))
    settled(rich_alice.id, started.id)

    assert upstream.requests[-1]["messages"] == [
        {"role": "system", "content": "Answer as a pirate."},
        {"role": "user", "content": "hi"},
    ]


def test_the_limits_of_a_conversation_hold_without_one(alice: Member, model: str) -> None:
    set_limits(free_per_day=2, max_running=1)
    assert start(alice).paid_by is PaidBy.FREE
    with pytest.raises(errors.TooManyRunning):
        send(alice.id)
    with pytest.raises(errors.TooManyRunning):
        start(alice)

    services.stop_generation(user_id=alice.id, generation_id=Generation.objects.get().pk, now=clock.now())

    set_limits(free_per_day=0)
    with pytest.raises(errors.QuotaExhausted):
        start(alice)
    assert_audit_is_clean()


def test_the_cap_of_a_key_holds_without_a_conversation(rich_alice: Member, model: str) -> None:
    key = key_of(rich_alice, spend_cap_milli=1500)
    started = start(rich_alice, key=key)

    with pytest.raises(KeySpendCapReached):
        start(rich_alice, key=key)

    assert spent(rich_alice) == 1000
    services.stop_generation(user_id=rich_alice.id, generation_id=started.id, now=clock.now())
    assert spent(rich_alice) == 0


def test_it_is_taken_away_and_erased_with_its_member(rich_alice: Member, bob: Member, model: str) -> None:
    answered(rich_alice)
    (told,) = services.export_generations(user_id=rich_alice.id)
    assert (told["request"], told["text"], told["reasoning"]) == (request_of(*SAID), "five", "count on")
    assert (told["model"], told["state"], told["charged_milli"]) == ("base", "finished", 1000)
    assert list(services.export_generations(user_id=bob.id)) == []

    with transaction.atomic():
        services.erase_texts(user_id=rich_alice.id, now=clock.now())

    row = Generation.objects.get()
    assert (row.request, row.text, row.reasoning, row.charged_milli) == (None, "", "", 1000)
    assert_audit_is_clean()


def test_what_was_shown_is_added_unless_it_was_erased(rich_alice: Member, model: str) -> None:
    first, second = start(rich_alice), start(rich_alice)
    jobs = {job.generation_id: job for job in services.claim_jobs(limit=2, now=clock.now())}
    for job in jobs.values():
        services.keep_text(generation_id=job.generation_id, lease_token=job.lease_token, text="fi", now=clock.now())
    assert services.settle_abandoned(now=clock.now() + timedelta(seconds=16)) == 2

    end(first.id, text="five", lease_token=jobs[first.id].lease_token)
    with transaction.atomic():
        services.erase_texts(user_id=rich_alice.id, now=clock.now())
    end(second.id, text="five", lease_token=jobs[second.id].lease_token)

    assert {row.text for row in Generation.objects.all()} == {""}


@pytest.mark.parametrize(
    "forge",
    [
        lambda alone, shown: alone.update(request=None),
        lambda alone, shown: shown.update(request=request_of(*SAID)),
    ],
    ids=["nothing is asked", "a request beside a branch"],
)
def test_what_is_asked_is_a_request_or_a_branch(
    rich_alice: Member, model: str, forge: Callable[[Any, Any], object]
) -> None:
    alone = Generation.objects.filter(pk=start(rich_alice).id)
    shown = Generation.objects.filter(pk=send(rich_alice.id).generation.id)
    assert shown.get().request is None

    with pytest.raises(IntegrityError):
        forge(alone, shown)


def test_operators_see_what_it_cost_and_not_what_it_says(
    rich_alice: Member, operator_browser: Client, model: str
) -> None:
    answered(rich_alice)
    row = Generation.objects.get()

    shown = operator_browser.get(f"/admin/chat/generation/{row.pk}/change/").content.decode()

    assert str(row.pk) in shown
    for word in ("five", "count on", "three four", json.dumps(row.request)[:20]):
        assert word not in shown
