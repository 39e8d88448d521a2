"""Chat with an API key: held to its models and to its cap, exactly."""

from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import Q
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts import services as accounts
from apps.accounts.contracts import IdentifiedKey, Member
from apps.accounts.errors import ApiKeyNotValid, KeySpendCapReached, ModelNotAllowed
from apps.chat import errors, services
from apps.chat.contracts import Asked, GenerationState, Outcome, PaidBy
from apps.chat.models import Generation, Message
from apps.chat.rules.limits import QUEUE_LIMIT
from apps.chat.services.settling import settle
from apps.kernel import clock, switches
from apps.kernel.ids import new_id
from tests.integration.chat.conftest import give_quota, make_model, send, set_limits
from tests.integration.chat.test_api import statements

pytestmark = pytest.mark.django_db


def key_of(member: Member, **wanted: Any) -> IdentifiedKey:
    """A key of this member, as it is known after identification."""
    values = {"name": "script", "scopes": ("chat",), **wanted}
    made = accounts.create_api_key(user_id=member.id, now=clock.now(), **values)
    return accounts.identify_key(key=made.key, address="127.0.0.1", now=clock.now())


def spent(member: Member) -> int:
    (key,) = accounts.api_keys_of(user_id=member.id)
    return key.spent_milli


def end(asked: Asked, state: GenerationState, text: str) -> None:
    """Settle an answer as the engine would."""
    Generation.objects.filter(pk=asked.generation.id).update(
        state=GenerationState.RUNNING, lease_token=new_id(), lease_until=clock.now()
    )
    row = Generation.objects.select_related("message").get(pk=asked.generation.id)
    assert settle(row=row, guard=Q(), outcome=Outcome(state=state, text=text), now=clock.now())


def test_the_cap_counts_what_may_be_charged_and_refuses_what_is_above(rich_alice: Member, model: str) -> None:
    key = key_of(rich_alice, spend_cap_milli=2500)

    for _ in range(2):
        assert Generation.objects.get(pk=send(rich_alice.id, key=key).generation.id).api_key_id == key.key_id
    with pytest.raises(KeySpendCapReached):
        send(rich_alice.id, key=key)

    assert spent(rich_alice) == 2000
    # nothing of the refused message is left, and the member's session is not held to the key's cap
    assert (Generation.objects.count(), Message.objects.count()) == (2, 4)
    assert services.quota_of(user_id=rich_alice.id, now=clock.now()).held_milli == 2000
    send(rich_alice.id)
    assert spent(rich_alice) == 2000


@pytest.mark.parametrize(
    ("state", "text", "charged"),
    [
        (GenerationState.FINISHED, "an answer", 1000),
        (GenerationState.STOPPED, "an an", 1000),
        (GenerationState.FAILED, "", 0),
        (GenerationState.INTERRUPTED, "", 0),
    ],
)
def test_what_was_not_charged_goes_back_to_the_cap(
    rich_alice: Member, model: str, state: GenerationState, text: str, charged: int
) -> None:
    key = key_of(rich_alice, spend_cap_milli=1000)

    end(send(rich_alice.id, key=key), state, text)

    assert spent(rich_alice) == charged
    if not charged:
        send(rich_alice.id, key=key)


def test_a_key_counts_only_what_it_spent_itself(rich_alice: Member, model: str) -> None:
    key, other = key_of(rich_alice), key_of(rich_alice, name="other")

    asked = [send(rich_alice.id, key=each) for each in (key, key, other)]
    services.stop_generation(user_id=rich_alice.id, generation_id=asked[0].generation.id, now=clock.now())

    keys = accounts.api_keys_of(user_id=rich_alice.id)
    assert {each.name: each.spent_milli for each in keys} == {"script": 1000, "other": 1000}


def test_stopping_in_the_queue_and_nobody_answering_give_back_too(rich_alice: Member, model: str) -> None:
    key = key_of(rich_alice, spend_cap_milli=1000)

    services.stop_generation(
        user_id=rich_alice.id, generation_id=send(rich_alice.id, key=key).generation.id, now=clock.now()
    )
    assert spent(rich_alice) == 0
    send(rich_alice.id, key=key)
    services.settle_abandoned(now=clock.now() + 2 * QUEUE_LIMIT)
    assert spent(rich_alice) == 0


def test_free_uses_do_not_count_against_a_cap(alice: Member, model: str) -> None:
    set_limits(free_per_day=1)
    key = key_of(alice, spend_cap_milli=0)

    assert send(alice.id, key=key).generation.paid_by is PaidBy.FREE
    give_quota(alice.id, 5000)
    with pytest.raises(KeySpendCapReached):
        send(alice.id, key=key)
    assert spent(alice) == 0


def test_a_key_without_a_cap_only_counts(rich_alice: Member, model: str) -> None:
    key = key_of(rich_alice)

    for _ in range(3):
        send(rich_alice.id, key=key)

    assert spent(rich_alice) == 3000


def test_a_lack_of_quota_costs_the_cap_nothing(alice: Member, model: str) -> None:
    set_limits(free_per_day=0)
    key = key_of(alice, spend_cap_milli=5000)

    with pytest.raises(errors.QuotaExhausted):
        send(alice.id, key=key)

    assert spent(alice) == 0


def test_a_key_asks_only_the_models_that_it_may(rich_alice: Member, model: str) -> None:
    make_model("other")
    key = key_of(rich_alice, allowed_models=("other",))

    with pytest.raises(ModelNotAllowed):
        send(rich_alice.id, key=key)
    asked = send(rich_alice.id, model="other", key=key)
    services.stop_generation(user_id=rich_alice.id, generation_id=asked.generation.id, now=clock.now())
    with pytest.raises(ModelNotAllowed):
        services.regenerate_answer(
            user_id=rich_alice.id,
            message_id=asked.answer.id,
            model="base",
            client_id=str(new_id()),
            key=key,
            now=clock.now(),
        )


@pytest.mark.parametrize("free_per_day", [0, 5], ids=["quota", "free"])
def test_a_key_revoked_meanwhile_begins_nothing(rich_alice: Member, model: str, free_per_day: int) -> None:
    set_limits(free_per_day=free_per_day)
    key = key_of(rich_alice)
    accounts.revoke_api_key(user_id=rich_alice.id, key_id=key.key_id, now=clock.now())

    with pytest.raises(ApiKeyNotValid):
        send(rich_alice.id, key=key)

    assert not Generation.objects.exists()


def test_over_http_the_key_is_remembered_and_refusals_have_their_codes(rich_alice: Member, model: str) -> None:
    made = accounts.create_api_key(
        user_id=rich_alice.id,
        name="script",
        scopes=("chat",),
        spend_cap_milli=1000,
        allowed_models=("base",),
        now=clock.now(),
    )
    program = Client(enforce_csrf_checks=True, headers={"Authorization": f"Bearer {made.key}"})

    def ask(model: str = "base") -> Any:
        conversation_id = program.post("/api/v1/chat/conversations", {}, content_type="application/json").json()["id"]
        body = {"content": "hello", "model": model, "client_id": str(new_id())}
        path = f"/api/v1/chat/conversations/{conversation_id}/messages"
        return program.post(path, body, content_type="application/json")

    first = ask()
    assert first.status_code == 202
    refused = [ask(), ask("other-model"), ask()]
    assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [
        (403, "key_spend_cap_reached"),
        (404, "model_not_found"),
        (403, "key_spend_cap_reached"),
    ]
    make_model("third")
    assert ask("third").json()["code"] == "model_not_allowed"
    headers = {"Idempotency-Key": new_id().hex, "Authorization": f"Bearer {made.key}"}
    again = f"/api/v1/chat/messages/{first.json()['answer']['id']}/regenerate"
    answer = program.post(again, {}, content_type="application/json", headers=headers)
    assert answer.json()["code"] == "key_spend_cap_reached"
    generation_id = UUID(first.json()["generation"]["id"])
    assert Generation.objects.get(pk=generation_id).api_key_id == made.detail.id


def test_a_message_post_with_a_key_takes_at_most_twelve_statements(rich_alice: Member, model: str) -> None:
    made = accounts.create_api_key(user_id=rich_alice.id, name="script", scopes=("chat",), now=clock.now())
    program = Client(headers={"Authorization": f"Bearer {made.key}"})
    conversation_id = services.create_conversation(user_id=rich_alice.id, now=clock.now()).id
    body = {"content": "hello", "model": "base", "client_id": str(new_id())}
    # given: a key whose use was noted lately, and a process that has not looked at the switches lately
    accounts.identify_key(key=made.key, address="127.0.0.1", now=clock.now())
    switches.flip(name="chat.enabled", is_on=True, actor="staff:x", reason="test", now=clock.now())

    with CaptureQueriesContext(connection) as queries:
        path = f"/api/v1/chat/conversations/{conversation_id}/messages"
        answer = program.post(path, body, content_type="application/json")

    assert answer.status_code == 202
    assert len(statements(queries)) <= 12, "\n".join(statements(queries))
