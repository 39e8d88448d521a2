"""A question asked with its member's own key: by no other key, at nobody's cost here, and its failures are its own."""

import re
import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx2
import pytest
from django.conf import LazySettings
from django.db import connection, connections

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.chat import errors, services
from apps.chat.contracts import (
    QUOTA,
    Extras,
    GenerationDetail,
    GenerationState,
    ModelOffer,
    PaidBy,
    PerTokens,
    UpstreamCost,
)
from apps.chat.models import AnswerUsage, Attempt, ChannelHealth, ChannelKey, FreeUse, Generation, OwnKey
from apps.chat.rules.embeddings import read_embedding
from apps.kernel import clock
from apps.kernel.invariants import all_invariants
from apps.ledger import services as ledger
from tests.cast import member
from tests.integration.chat.conftest import EngineThread, generation, give_quota, send, set_limits, settled, wait_for
from tests.integration.chat.own_keys import KIND, OWN, allow_own_addresses, enter, provider
from tests.integration.chat.upstream import Upstream, answer, piece
from tests.names import Names

pytestmark = pytest.mark.django_db(transaction=True)

FINISHED, FAILED, STOPPED = GenerationState.FINISHED, GenerationState.FAILED, GenerationState.STOPPED


@pytest.fixture
def upstream(db: None, settings: LazySettings) -> Iterator[Upstream]:
    """The provider of the kind."""
    with provider(settings) as running:
        yield running


def ask(who: Member) -> tuple[GenerationDetail, str]:
    return settled(who.id, send(who.id).generation.id)


def offer(who: Member) -> ModelOffer:
    (one,) = services.models_for(user_id=who.id, now=clock.now())
    return one


def breaches() -> list[str]:
    return [str(breach) for each in all_invariants() for breach in each.check(clock.now())]


def test_it_costs_nothing_here(alice: Member, upstream: Upstream, engine: EngineThread) -> None:
    """Neither quota nor a free use, nor us, whatever the route's price and cost are, and no right is asked for."""
    set_limits(free_per_day=3)
    give_quota(alice.id, 5000)
    cost = UpstreamCost(input_microyuan=1, cached_microyuan=1, output_microyuan=1)
    services.save_route_cost(model_code="base", channel_code="test", cost=cost, now=clock.now())
    services.save_model(code="base", name="Base", price_milli=9000, needs_entitlement=True, now=clock.now())
    assert offer(alice).reason == "model_not_entitled"
    before = ledger.balance(account=ledger.user_account(alice.id, QUOTA))
    enter(alice.id)
    assert (offer(alice).reason, offer(alice).has_own_key, offer(alice).affordable) == ("", True, True)

    done, text = ask(alice)

    assert (done.state, text, done.paid_by) == (FINISHED, "fine", PaidBy.OWN_KEY)
    assert (done.held_milli, done.charged_milli) == (0, 0)
    assert ledger.balance(account=ledger.user_account(alice.id, QUOTA)) == before
    assert [use.used for use in FreeUse.objects.all()] == [0]
    assert upstream.keys[-1] == f"Bearer {OWN}"
    usage = AnswerUsage.objects.get()
    assert (usage.charged_milli, usage.absorbed_milli, usage.cost_id, usage.cost_microyuan) == (0, 0, None, None)
    assert (usage.input_tokens, usage.output_tokens) == (7, 5)
    assert breaches() == []


def test_nor_do_thinking_and_searching_nor_vectors(alice: Member, upstream: Upstream, engine: EngineThread) -> None:
    """Nobody has quota here."""
    enter(alice.id)
    extras = Extras(think_milli=300, search_milli=500)
    services.save_model(
        code="base", name="Base", price_milli=9000, extras=extras, has_reasoning=True, has_search=True, now=clock.now()
    )
    price = PerTokens(input_milli=1000, cached_milli=0, output_milli=0)
    services.save_model(
        code="index", name="Index", kind="embedding", price=price, context_tokens=100, max_output_tokens=1,
        now=clock.now(),
    )  # fmt: skip
    services.save_route(model_code="index", channel_code="test", upstream_name="up-index", now=clock.now())
    key = accounts.create_api_key(user_id=alice.id, name="script", scopes=("chat",), now=clock.now()).key
    identified = accounts.identify_key(key=key, address="", now=clock.now())

    answered, _ = settled(alice.id, send(alice.id, thinks=True, searches=True).generation.id)
    asked = read_embedding({"model": "index", "input": "trains"})
    vectors = services.start_embeddings(asked=asked, key=identified, address="", now=clock.now()).generations[0]

    for done in (answered, vectors):
        assert (done.paid_by, done.held_milli, done.charged_milli) == (PaidBy.OWN_KEY, 0, 0)
    assert answered.state == FINISHED
    settled(alice.id, vectors.id)
    assert {usage.charged_milli for usage in AnswerUsage.objects.all()} == {0}
    assert breaches() == []


def test_without_it_quota_pays_as_before(rich_alice: Member, upstream: Upstream, engine: EngineThread) -> None:
    enter(rich_alice.id)
    enter(rich_alice.id, None, is_enabled=False)
    first, _ = ask(rich_alice)
    enter(rich_alice.id, None, is_enabled=True)
    second, _ = ask(rich_alice)
    services.delete_own_key(user_id=rich_alice.id, kind=KIND, now=clock.now())
    third, _ = ask(rich_alice)

    assert [done.paid_by for done in (first, second, third)] == [PaidBy.QUOTA, PaidBy.OWN_KEY, PaidBy.QUOTA]
    assert upstream.keys[-3:] == ["Bearer sk-test-secret", f"Bearer {OWN}", "Bearer sk-test-secret"]


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        ((401, {"error": {"code": "invalid_api_key"}}), "own_key_refused"),
        ((402, {"error": {"message": "Insufficient Balance"}}), "own_key_arrears"),
        ((429, {"error": {"code": "rate_limit_exceeded"}}), "own_key_busy"),
        ((404, {"error": {"code": "model_not_found"}}), "own_key_without_model"),
        ((500, {"error": {"code": "server_error"}}), "own_key_failed"),
        ((307, b""), "own_key_failed"),
    ],
)
def test_its_failures_are_its_members_and_nobody_elses(
    alice: Member, upstream: Upstream, engine: EngineThread, refusal: tuple[int, object], code: str
) -> None:
    """No other key is asked, none sleeps, no channel is blamed, and it counts for nothing, however often."""
    set_limits(free_per_day=0, max_unpaid_per_day=2, max_running=5)
    enter(alice.id)
    del upstream.keys[:]
    upstream.refused_keys[f"Bearer {OWN}"] = refusal

    ended = [ask(alice)[0] for _ in range(6)]

    assert {(done.state, done.error_code, done.charged_milli) for done in ended} == {(FAILED, code, 0)}
    assert {*upstream.keys} == {f"Bearer {OWN}"}
    assert ChannelKey.objects.get().sleeps_until is None
    assert not ChannelHealth.objects.exists()
    assert [use.unpaid for use in FreeUse.objects.all()] == [0]
    assert Attempt.objects.filter(key=None).count() == 6
    assert breaches() == []


def test_a_channel_that_is_left_alone_says_nothing_of_it(
    alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    for key in ChannelKey.objects.all():
        services.save_channel_key(channel_code="test", name=key.name, api_key=None, is_enabled=False, now=clock.now())
    enter(alice.id)

    assert offer(alice).answering
    assert ask(alice)[1] == "fine"


def test_a_disabled_model_stays_disabled(alice: Member, upstream: Upstream) -> None:
    enter(alice.id)
    services.save_model(code="base", name="Base", price_milli=1000, is_enabled=False, now=clock.now())

    with pytest.raises(errors.ModelNotFound):
        send(alice.id)


def test_standing_words_and_limits_hold_as_ever(alice: Member, upstream: Upstream) -> None:
    set_limits(free_per_day=0, max_running=1, max_per_minute=2)
    enter(alice.id)
    send(alice.id)

    with pytest.raises(errors.TooManyRunning):
        send(alice.id)
    with pytest.raises(errors.MessageEmpty):
        send(alice.id, " ")
    set_limits(free_per_day=0, max_per_minute=1)
    with pytest.raises(errors.AskedTooOften):
        send(alice.id)


def test_a_deleted_key_stops_what_is_asked_with_it(alice: Member, upstream: Upstream, engine: EngineThread) -> None:
    upstream.scripts["up-base"] = answer("fine")
    enter(alice.id)
    upstream.scripts["up-base"] = [piece("so far"), threading.Event()]
    asked = send(alice.id).generation.id
    wait_for(lambda: generation(asked).text == "so far", what="saved text")

    services.delete_own_key(user_id=alice.id, kind=KIND, now=clock.now())

    done, text = settled(alice.id, asked)
    assert (done.state, text, done.charged_milli) == (STOPPED, "so far", 0)
    assert upstream.hung_up.wait(20)


def test_an_engine_finds_that_a_key_is_gone_whoever_took_it(
    alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    """Also where nobody was left to say so: whoever deleted it died between the two."""
    enter(alice.id)
    upstream.scripts["up-base"] = [piece("so far"), threading.Event()]
    asked = send(alice.id).generation.id
    wait_for(lambda: generation(asked).text == "so far", what="saved text")

    OwnKey.objects.all().delete()

    assert settled(alice.id, asked)[0].state is STOPPED


def test_a_key_that_is_gone_when_its_turn_comes_asks_nothing(alice: Member, upstream: Upstream) -> None:
    enter(alice.id)
    del upstream.keys[:]
    asked = send(alice.id).generation.id
    OwnKey.objects.all().delete()

    assert services.claim_jobs(limit=5, now=clock.now()) == []

    done = services.read_answer(user_id=alice.id, generation_id=asked).generation
    assert (done.state, done.error_code, done.charged_milli) == (FAILED, "own_key_gone", 0)
    assert upstream.keys == []
    assert breaches() == []


@pytest.mark.services
def test_a_key_that_goes_while_it_is_asked_with_asks_nothing(alice: Member, upstream: Upstream) -> None:
    """Its member asks with it and, before that is written down for others to see, has deleted it elsewhere."""
    enter(alice.id)
    del upstream.keys[:]
    gone = []

    def delete() -> None:
        services.delete_own_key(user_id=alice.id, kind=KIND, now=clock.now())
        gone.append(not OwnKey.objects.exists())
        connections.close_all()

    def meanwhile(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        done = execute(sql, params, many, context)
        if re.match(r'INSERT INTO "?chat_generation"? ', sql) and not gone:
            rival = threading.Thread(target=delete)
            rival.start()
            rival.join()
        return done

    with connection.execute_wrapper(meanwhile):
        asked = send(alice.id).generation.id

    assert gone == [True]
    assert services.claim_jobs(limit=5, now=clock.now()) == []
    row = generation(asked)
    assert (row.state, row.error_code, row.charged_milli, upstream.keys) == (FAILED, "own_key_gone", 0, [])


def test_every_member_asks_with_their_own(upstream: Upstream, db: None) -> None:
    """Eight members of one kind in one engine, over connections that are kept: each question with its own key."""
    set_limits(free_per_day=0, max_running=5)
    members = [member(f"m{number}") for number in range(8)]
    for number, who in enumerate(members):
        enter(who.id, f"sk-of-member-{number:08}")
    upstream.scripts["up-base"] = answer("fine")
    del upstream.keys[:], upstream.requests[:]
    numbers = [*range(len(members))] * 2
    asked = [(number, send(members[number].id, f"I am {number}.").generation.id) for number in numbers]
    engine = EngineThread()
    engine.start()
    try:
        for number, generation_id in asked:
            assert settled(members[number].id, generation_id)[0].state is FINISHED
    finally:
        engine.end()

    said = [request["messages"][-1]["content"] for request in upstream.requests]
    assert sorted(said) == sorted(f"I am {number}." for number, _ in asked)
    assert list(zip(said, upstream.keys, strict=True)) == [
        (words, f"Bearer sk-of-member-{int(words.removeprefix('I am ').rstrip('.')):08}") for words in said
    ]


def test_slow_providers_of_members_leave_room_for_all_others(
    rich_alice: Member, bob: Member, upstream: Upstream
) -> None:
    """Sixteen answers of own keys wait in front, for which there is no place: who asks behind them is not held up."""
    set_limits(free_per_day=0, max_running=50)
    enter(bob.id)
    waiting = {send(bob.id).generation.id for _ in range(20)}
    behind = send(rich_alice.id).generation.id

    jobs = services.claim_jobs(limit=16, per_channel=2, running={"own:keys": 2}, now=clock.now())
    assert [job.generation_id for job in jobs] == [behind]
    more = services.claim_jobs(limit=16, per_channel=2, running={"own:keys": 1}, now=clock.now())
    assert len(more) == 1
    assert {job.generation_id for job in more} < waiting


def test_an_own_address_is_looked_at_when_it_is_gone_to(
    alice: Member, upstream: Upstream, names: Names, engine: EngineThread
) -> None:
    """It was public when the key was entered, and means a place of ours when the question is asked."""
    allow_own_addresses()
    names.answers["models.example.com"] = [["93.184.215.14"]]
    moved(alice, "https://models.example.com/v1")
    names.answers["models.example.com"] = [["127.0.0.1"]]

    done, _ = ask(alice)

    assert (done.state, done.error_code) == (FAILED, "own_key_address")
    assert names.asked[-1] == "models.example.com"
    assert not ChannelHealth.objects.exists()


@pytest.mark.parametrize("status", [307, 308])
def test_an_own_address_that_points_elsewhere_is_not_followed(
    alice: Member, upstream: Upstream, engine: EngineThread, status: int
) -> None:
    """Not even to where it may be gone to: the key was entered for this place."""
    allow_own_addresses()
    moved(alice, f"{upstream.url}/mine")
    del upstream.keys[:]
    upstream.refused_keys[f"Bearer {OWN}"] = (status, b"")
    upstream.location = f"{upstream.url}/chat/completions"

    done, _ = ask(alice)

    assert (done.state, done.error_code) == (FAILED, "own_key_failed")
    assert upstream.keys == [f"Bearer {OWN}"]


def test_what_operators_forbid_again_is_not_gone_to(alice: Member, upstream: Upstream, names: Names) -> None:
    allow_own_addresses()
    moved(alice, "https://models.example.com/v1")
    asked = send(alice.id).generation.id
    set_limits(free_per_day=0)

    assert services.claim_jobs(limit=5, now=clock.now()) == []
    assert generation(asked).error_code == "own_key_gone"
    # The next one is asked as if there were none.
    with pytest.raises(errors.QuotaExhausted):
        send(alice.id)
    assert names.asked == []


def test_no_text_of_a_failure_holds_the_key(
    alice: Member, upstream: Upstream, engine: EngineThread, caplog: pytest.LogCaptureFixture
) -> None:
    enter(alice.id)
    said = {"error": {"code": OWN, "message": f"bad key {OWN}", "type": OWN, "param": OWN}}
    upstream.refused_keys[f"Bearer {OWN}"] = (401, said)
    with caplog.at_level("DEBUG"):
        done, text = ask(alice)

    rows = [str(row) for model in (Generation, Attempt, AnswerUsage) for row in model.objects.values()]
    assert not any(OWN in said for said in (caplog.text, text, repr(done), *rows))


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(("refused", "status"), [(401, 403), (429, 429), (500, 502)])
def test_a_program_reads_whose_failure_it_was(
    alice: Member, upstream: Upstream, site: str, refused: int, status: int
) -> None:
    """Never as 401: that would be about the key with which it asks us."""
    enter(alice.id)
    upstream.refused_keys[f"Bearer {OWN}"] = (refused, {"error": {"code": "x"}})
    made = accounts.create_api_key(user_id=alice.id, name="script", scopes=("chat",), now=clock.now())

    said = httpx2.post(
        f"{site}/v1/chat/completions",
        headers={"Authorization": f"Bearer {made.key}", "Accept-Language": "en"},
        json={"model": "base", "messages": [{"role": "user", "content": "hi"}]},
        timeout=60,
    )

    error = said.json()["error"]
    assert (said.status_code, error["code"].startswith("own_key_")) == (status, True)
    assert "own key" in error["message"]


def moved(who: Member, url: str) -> UUID:
    """A key that was entered for an address of the member's own, which somebody answered at then."""
    enter(who.id)
    row = OwnKey.objects.get(user_id=who.id)
    row.base_url = url
    row.save(update_fields=["base_url"])
    return row.pk
