"""How often a member asks: a minute that slides, shared by all processes, of questions that were taken up."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import redis
from django.test import Client

from apps.accounts import services as accounts
from apps.accounts.contracts import ListKind, ListScope, Member
from apps.chat import errors, services
from apps.chat.contracts import PaidBy
from apps.chat.models import Generation, Message
from apps.kernel import clock, frequency
from apps.kernel import redis as kernel_redis
from tests.integration.chat.conftest import give_quota, make_model, send, set_limits
from tests.integration.chat.test_api import post_message
from tests.integration.chat.test_chain import arrange, refused
from tests.integration.chat.test_without_conversation import request_of, start

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def often(rich_alice: Member, model: str) -> Member:
    """Alice, who may ask three times a minute and has quota for more."""
    set_limits(max_per_minute=3, max_running=100)
    return rich_alice


def spare(member: Member, olga: Member) -> None:
    accounts.list_member(
        user_id=member.id, kind=ListKind.WHITE, scope=ListScope.CHAT,
        actor=f"staff:{olga.id}", reason="a partner", now=clock.now(),
    )  # fmt: skip


def test_the_fourth_question_of_a_minute_is_refused_and_changes_nothing(often: Member, alice_browser: Client) -> None:
    for _ in range(3):
        send(often.id)
    rows = (Message.objects.count(), Generation.objects.count())
    conversation = services.create_conversation(user_id=often.id, now=clock.now()).id

    answer = post_message(alice_browser, conversation)

    assert (answer.status_code, answer.json()["code"]) == (429, "asked_too_often")
    assert answer.json()["context"]["limit"] == 3
    assert 50 < int(answer["Retry-After"]) <= 60
    assert (Message.objects.count(), Generation.objects.count()) == rows
    assert services.quota_of(user_id=often.id, now=clock.now()).held_milli == 3000
    assert refused() == {"frequency": 1}


def test_the_window_slides(often: Member) -> None:
    now = clock.now()
    for after in (0, 20, 40):
        send(often.id, now=now + timedelta(seconds=after))
    with pytest.raises(errors.AskedTooOften) as caught:
        send(often.id, now=now + timedelta(seconds=59))

    send(often.id, now=now + timedelta(seconds=60))

    assert caught.value.context["retry_after"] == 1
    with pytest.raises(errors.AskedTooOften):
        send(often.id, now=now + timedelta(seconds=61))


def test_a_host_whose_clock_is_ahead_holds_nobody_back_for_long(often: Member) -> None:
    give_quota(often.id, 5000)
    now = clock.now()
    for _ in range(3):
        send(often.id, now=now + timedelta(hours=1))

    asked = [send(often.id, now=now) for _ in range(3)]

    assert len(asked) == 3
    with pytest.raises(errors.AskedTooOften) as caught:
        send(often.id, now=now)
    assert caught.value.context["retry_after"] == 60


def test_only_questions_that_were_taken_up_are_of_the_minute(often: Member) -> None:
    now = clock.now()
    conversation = services.create_conversation(user_id=often.id, now=now).id
    for _ in range(5):
        with pytest.raises(errors.MessageEmpty):
            send(often.id, " ", now=now)
    first = send(often.id, client_id="client-0001", conversation_id=conversation, now=now)
    for _ in range(5):
        assert send(often.id, client_id="client-0001", conversation_id=conversation, now=now) == first

    send(often.id, now=now)
    send(often.id, now=now)

    for _ in range(3):
        with pytest.raises(errors.AskedTooOften):
            send(often.id, now=now)
    with pytest.raises(errors.ClientIdReused):
        send(often.id, client_id="client-0001", now=now)
    with pytest.raises(errors.AskedTooOften):
        send(often.id, now=now)


def test_a_repeat_of_what_was_taken_up_is_answered_however_often_was_asked_since(often: Member) -> None:
    conversation = services.create_conversation(user_id=often.id, now=clock.now()).id
    first = send(often.id, client_id="client-0001", conversation_id=conversation)
    send(often.id)
    send(often.id)

    assert send(often.id, client_id="client-0001", conversation_id=conversation) == first


def test_another_answer_and_a_request_without_a_conversation_count_as_well(often: Member) -> None:
    asked = send(often.id)
    services.stop_generation(user_id=often.id, generation_id=asked.generation.id, now=clock.now())
    services.regenerate_answer(
        user_id=often.id, message_id=asked.answer.id, model=None, client_id="client-0001", now=clock.now()
    )
    start(often, ("user", ["hi"]))

    with pytest.raises(errors.AskedTooOften):
        start(often, ("user", ["hi"]))
    with pytest.raises(errors.AskedTooOften):
        send(often.id)


def test_one_member_s_minute_is_nobody_else_s(often: Member, bob: Member) -> None:
    give_quota(bob.id, 5000)
    for _ in range(3):
        send(often.id)

    assert send(bob.id).generation.paid_by is PaidBy.QUOTA


def test_a_white_list_spares_the_minute_and_the_number_of_free_answers(
    alice: Member, alice_browser: Client, olga: Member, model: str
) -> None:
    set_limits(max_per_minute=1, free_per_day=2, max_running=100)
    make_model("deep", is_in_free_allowance=False)
    spare(alice, olga)

    paid = [send(alice.id).generation.paid_by for _ in range(4)]

    assert paid == [PaidBy.FREE] * 4
    quota = alice_browser.get("/api/v1/chat/quota").json()
    assert (quota["free_left"], quota["free_per_day"]) == (996, 1000)
    offers = alice_browser.get("/api/v1/chat/models").json()
    assert {offer["id"]: offer["reason"] for offer in offers} == {"base": "", "deep": "quota_exhausted"}
    with pytest.raises(errors.QuotaExhausted):
        send(alice.id, model="deep")


def test_switched_off_nothing_is_counted(often: Member, redis_server: redis.Redis) -> None:
    arrange("frequency", is_on=False)

    for _ in range(5):
        send(often.id)

    assert list(redis_server.scan_iter("often:*")) == []


def test_what_is_counted_is_gone_after_a_minute_without_a_sweep(often: Member, redis_server: redis.Redis) -> None:
    send(often.id)

    (key,) = redis_server.scan_iter("often:*")
    assert 0 < redis_server.pttl(key) <= 60_000


@pytest.fixture
def no_redis(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Redis that nobody listens at."""
    away = redis.Redis.from_url("redis://127.0.0.1:9/0")  # asked once, as the site's own client does
    monkeypatch.setattr(kernel_redis, "sync_redis", lambda: away)
    yield
    away.close()


@pytest.mark.usefixtures("no_redis")
def test_without_redis_nobody_is_held_back_and_all_other_limits_hold(often: Member) -> None:
    for _ in range(5):
        send(often.id)

    with pytest.raises(errors.QuotaExhausted):
        send(often.id)


def test_of_twenty_at_once_each_sees_another_number_before_it() -> None:
    now = clock.now()

    def enter(number: int) -> int:
        others = frequency.enter("test", act=str(number), window=MINUTE, now=now)
        assert others is not None
        return len(others)

    with ThreadPoolExecutor(20) as threads:
        assert sorted(threads.map(enter, range(20))) == list(range(20))


def test_a_blocked_network_does_not_ask_until_it_is_let_in_again(
    rich_alice: Member, alice_browser: Client, operator_browser: Client, model: str
) -> None:
    form = {"network": "127.0.0.9/24", "is_enabled": "on", "reason": "a flood"}
    operator_browser.post("/admin/chat/blockednetwork/add/", form)
    conversation = services.create_conversation(user_id=rich_alice.id, now=clock.now()).id

    answer = post_message(alice_browser, conversation)

    assert (answer.status_code, answer.json()["code"]) == (403, "network_blocked")
    assert not Message.objects.exists()
    assert refused() == {"black-list": 1}
    assert alice_browser.get("/api/v1/chat/quota").status_code == 200, "whoever does not ask is not held back"
    services.save_network(
        network="127.0.0.0/24", is_enabled=False, actor="staff:x", reason="it is over", now=clock.now()
    )
    assert post_message(alice_browser, conversation).status_code == 202


def test_a_continent_is_an_error_of_the_form(operator_browser: Client) -> None:
    page = operator_browser.post(
        "/admin/chat/blockednetwork/add/", {"network": "0.0.0.0/0", "is_enabled": "on", "reason": "all of them"}
    )

    assert list(page.context["adminform"].form.errors) == ["network"]
    assert services.blocked_networks() == ()


def test_a_request_of_a_program_comes_from_its_address(rich_alice: Member, model: str) -> None:
    services.save_network(network="203.0.113.0/24", is_enabled=True, actor="staff:x", reason="x y", now=clock.now())
    asked = {"user_id": rich_alice.id, "model": "base", "request": request_of(("user", ["hi"])), "now": clock.now()}

    with pytest.raises(errors.NetworkBlocked):
        services.start_generation(**asked, address="203.0.113.5")  # type: ignore[arg-type]

    services.start_generation(**asked, address="203.0.114.5")  # type: ignore[arg-type]
