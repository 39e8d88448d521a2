"""The JSON API: shapes, budgets, and who may see what."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.contracts import Member
from apps.chat import selectors, services
from apps.chat.contracts import GenerationState, Outcome
from apps.chat.models import Generation, Message
from apps.kernel import clock, switches
from apps.kernel.ids import new_id
from tests.integration.chat.conftest import give_quota, make_model, send, set_limits

pytestmark = pytest.mark.django_db

TRANSACTION_CONTROL = ("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT", "SET TRANSACTION")


def statements(queries: CaptureQueriesContext) -> list[str]:
    return [query["sql"] for query in queries if not query["sql"].startswith(TRANSACTION_CONTROL)]


def post_message(browser: Client, conversation_id: object, **changes: object) -> Any:
    body = {"content": "hello", "model": "base", "client_id": str(new_id()), **changes}
    return browser.post(f"/api/v1/chat/conversations/{conversation_id}/messages", body, content_type="application/json")


@pytest.fixture
def conversation_id(alice: Member) -> object:
    return services.create_conversation(user_id=alice.id, now=clock.now()).id


@pytest.mark.parametrize("free_per_day", [5, 1, 0])
def test_a_message_post_takes_at_most_twelve_statements(
    rich_alice: Member, alice_browser: Client, model: str, conversation_id: object, free_per_day: int
) -> None:
    # given: free uses left, all taken, none at all; and a process that has not looked at the switches lately
    set_limits(free_per_day=free_per_day)
    if free_per_day == 1:
        send(rich_alice.id)
    switches.flip(name="chat.enabled", is_on=True, actor="staff:x", reason="test", now=clock.now())

    with CaptureQueriesContext(connection) as queries:
        answer = post_message(alice_browser, conversation_id)

    assert answer.status_code == 202
    assert len(statements(queries)) <= 12, "\n".join(statements(queries))


def test_a_message_is_accepted_with_its_generation(
    rich_alice: Member, alice_browser: Client, model: str, conversation_id: object
) -> None:
    body = post_message(alice_browser, conversation_id, content=" two\nlines ").json()

    assert body["message"]["content"] == " two\nlines "
    assert body["message"]["role"] == "user"
    assert body["answer"]["parent_id"] == body["message"]["id"]
    assert body["generation"]["state"] == "queued"
    assert body["generation"]["price_milli"] == 1000
    assert body["answer"]["generation"]["id"] == body["generation"]["id"]


def test_the_same_client_id_answers_the_same_generation(
    rich_alice: Member, alice_browser: Client, model: str, conversation_id: object
) -> None:
    answers = [post_message(alice_browser, conversation_id, client_id="client-0001") for _ in range(3)]

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["generation"]["id"] for answer in answers}) == 1


def test_no_parent_follows_the_head_and_null_begins_a_branch(
    rich_alice: Member, alice_browser: Client, model: str, conversation_id: object
) -> None:
    def ask(**changes: object) -> dict[str, Any]:
        body: dict[str, Any] = post_message(alice_browser, conversation_id, **changes).json()
        (job,) = services.claim_jobs(limit=1, now=clock.now())
        outcome = Outcome(state=GenerationState.FINISHED, text="answer", finish_reason="stop")
        services.finish_run(
            generation_id=job.generation_id, lease_token=job.lease_token, outcome=outcome, now=clock.now()
        )
        return {**body["message"], "answer_id": body["answer"]["id"], "asked": [turn.text for turn in job.turns]}

    first = ask(content="one", client_id="client-0001")
    second = ask(content="two", client_id="client-0002")
    edited = ask(content="one, edited", client_id="client-0003", parent_id=None)

    assert first["parent_id"] is None
    assert second["parent_id"] == first["answer_id"]
    assert (edited["parent_id"], edited["asked"]) == (None, ["one, edited"])
    branch = selectors.branch_of(user_id=rich_alice.id, conversation_id=UUID(str(conversation_id)), limit=10)
    assert [str(message.id) for message in branch] == [edited["id"], edited["answer_id"]]
    assert [str(sibling) for sibling in branch[0].sibling_ids] == [first["id"], edited["id"]]


BAD_INPUT: list[tuple[dict[str, object], int, str]] = [
    ({"role": "system"}, 400, "validation_failed"),
    ({"client_id": "x"}, 400, "validation_failed"),
    ({"content": None}, 400, "validation_failed"),
    ({"content": "  "}, 400, "message_empty"),
    ({"model": "nope"}, 404, "model_not_found"),
    ({"parent_id": str(uuid4())}, 404, "message_not_found"),
]


def test_bad_input_is_a_problem_document_and_changes_nothing(
    rich_alice: Member, alice_browser: Client, model: str, conversation_id: object
) -> None:
    for changes, status, code in BAD_INPUT:
        answer = post_message(alice_browser, conversation_id, **changes)

        assert (answer.status_code, answer.json()["code"]) == (status, code), changes
        assert answer["Content-Type"] == "application/problem+json"
    assert (Message.objects.count(), Generation.objects.count()) == (0, 0)


def test_no_quota_says_what_is_missing(alice_browser: Client, model: str, conversation_id: object) -> None:
    set_limits(free_per_day=0)

    answer = post_message(alice_browser, conversation_id)

    assert (answer.status_code, answer.json()["code"]) == (409, "quota_exhausted")
    assert answer.json()["context"] == {"price_milli": 1000, "available_milli": 0}


def test_too_many_at_once_says_when_to_try_again(
    rich_alice: Member, alice_browser: Client, model: str, conversation_id: object
) -> None:
    set_limits(max_running=1)
    send(rich_alice.id)

    answer = post_message(alice_browser, conversation_id)

    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_running")
    assert answer["Retry-After"] == "5"


def test_strangers_and_visitors_reach_nothing(
    rich_alice: Member, bob_browser: Client, visitor: Client, model: str
) -> None:
    asked = send(rich_alice.id)
    base, conversation = "/api/v1/chat", f"conversations/{asked.generation.conversation_id}"
    calls = [
        ("get", conversation, None),
        ("patch", conversation, {"title": "mine"}),
        ("delete", conversation, None),
        ("get", f"{conversation}/messages", None),
        ("post", f"{conversation}/messages", {"content": "x", "model": "base", "client_id": "client-0001"}),
        ("post", f"messages/{asked.answer.id}/regenerate", {}),
        ("post", f"generations/{asked.generation.id}/stop", {}),
    ]
    for method, path, body in calls:
        for browser, status in ((bob_browser, 404), (visitor, 401)):
            headers = {"Idempotency-Key": str(new_id())}
            answer = getattr(browser, method)(f"{base}/{path}", body, content_type="application/json", headers=headers)
            assert answer.status_code == status, (method, path)
    assert Message.objects.count() == 2


def test_models_say_whether_they_can_be_asked_and_why_not(alice: Member, alice_browser: Client) -> None:
    set_limits(free_per_day=1)
    make_model("base")
    make_model("deep", is_in_free_allowance=False, sort=200)
    make_model("vip", needs_entitlement=True, sort=300)
    make_model("off", is_enabled=False)

    models = alice_browser.get("/api/v1/chat/models").json()

    assert [(m["id"], m["kind"], m["price"], m["entitled"], m["affordable"], m["reason"]) for m in models] == [
        ("base", "text", 1000, True, True, ""),
        ("deep", "text", 1000, True, False, "quota_exhausted"),
        ("vip", "text", 1000, False, True, "model_not_entitled"),
    ]


def test_quota_and_its_entries(alice: Member, alice_browser: Client, model: str) -> None:
    set_limits(free_per_day=3)
    for _ in range(3):
        give_quota(alice.id, 500)

    quota = alice_browser.get("/api/v1/chat/quota").json()
    page = alice_browser.get("/api/v1/chat/quota/entries?size=2").json()
    rest = alice_browser.get(page["next"]).json()

    assert quota == {"balance_milli": 1500, "held_milli": 0, "free_left": 3, "free_per_day": 3, "entitlements": []}
    assert [entry["balance_after_milli"] for entry in page["results"] + rest["results"]] == [1500, 1000, 500]


def test_conversations_are_made_named_archived_and_listed(alice_browser: Client) -> None:
    made = alice_browser.post("/api/v1/chat/conversations", {}, content_type="application/json")
    address = f"/api/v1/chat/conversations/{made.json()['id']}"

    renamed = alice_browser.patch(address, {"title": " Plans ", "is_archived": True}, content_type="application/json")
    too_long = alice_browser.patch(address, {"title": "x" * 81}, content_type="application/json")

    assert made.status_code == 201
    assert (renamed.json()["title"], renamed.json()["is_archived"]) == ("Plans", True)
    assert (too_long.status_code, too_long.json()["code"]) == (400, "title_not_valid")
    listed = alice_browser.get("/api/v1/chat/conversations").json()["results"]
    assert [item["title"] for item in listed] == ["Plans"]


def test_a_deleted_conversation_is_gone_with_its_words(rich_alice: Member, alice_browser: Client, model: str) -> None:
    asked = send(rich_alice.id, "secret words")
    address = f"/api/v1/chat/conversations/{asked.generation.conversation_id}"
    assert alice_browser.delete(address).json()["code"] == "conversation_busy"
    services.stop_generation(user_id=rich_alice.id, generation_id=asked.generation.id, now=clock.now())

    assert alice_browser.delete(address).status_code == 204

    assert alice_browser.get(address).status_code == 404
    assert alice_browser.get("/api/v1/chat/conversations?q=secret").json()["results"] == []
    assert not Message.objects.exclude(text="").exists()
    assert not Generation.objects.exclude(text="").exists()


def test_search_finds_words_in_titles_and_messages_of_ones_own(
    rich_alice: Member, bob: Member, alice_browser: Client, model: str
) -> None:
    asked = send(rich_alice.id, "Where do penguins live? " * 20)
    give_quota(bob.id, 1000)
    send(bob.id, "Bob's penguins")

    hits = alice_browser.get("/api/v1/chat/conversations?q=PENGUINS").json()["results"]

    assert [(hit["conversation_id"], hit["message_id"]) for hit in hits] == [
        (str(asked.generation.conversation_id), str(asked.message.id))
    ]
    assert "penguins" in hits[0]["snippet"]
    assert len(hits[0]["snippet"]) < 150


def test_messages_come_in_pages_newest_first(rich_alice: Member, alice_browser: Client, model: str) -> None:
    asked = send(rich_alice.id, "one")
    address = f"/api/v1/chat/conversations/{asked.generation.conversation_id}/messages"

    page = alice_browser.get(f"{address}?size=1").json()
    rest = alice_browser.get(page["next"]).json()

    assert [item["role"] for item in page["results"] + rest["results"]] == ["assistant", "user"]
    assert page["results"][0]["generation"]["state"] == "queued"
    assert alice_browser.get(f"{address}?cursor=zz").json()["code"] == "cursor_not_valid"


def test_a_message_can_be_read_as_it_was_written(
    rich_alice: Member, alice_browser: Client, bob_browser: Client, model: str
) -> None:
    text = "**1/2** is \\(\\frac12\\)\n\n```py\nx = 1\n```\n"
    asked = send(rich_alice.id, text)
    address = f"/api/v1/chat/messages/{asked.message.id}"

    with CaptureQueriesContext(connection) as queries:
        answer = alice_browser.get(address)

    assert answer.json()["content"] == text
    assert answer.json()["role"] == "user"
    assert len(statements(queries)) <= 4, "\n".join(statements(queries))
    refusal = bob_browser.get(address)
    assert (refusal.status_code, refusal.json()["code"]) == (404, "message_not_found")
    services.stop_generation(user_id=rich_alice.id, generation_id=asked.generation.id, now=clock.now())
    alice_browser.delete(f"/api/v1/chat/conversations/{asked.generation.conversation_id}")
    assert alice_browser.get(address).status_code == 404


def test_the_branch_that_is_looked_at_can_be_chosen(rich_alice: Member, alice_browser: Client, model: str) -> None:
    first = send(rich_alice.id, "question")
    _finish("one")
    again, repeated = [
        alice_browser.post(
            f"/api/v1/chat/messages/{first.answer.id}/regenerate",
            {},
            content_type="application/json",
            headers={"Idempotency-Key": "regenerate-0001"},
        )
        for _ in range(2)
    ]
    _finish("two")
    address = f"/api/v1/chat/conversations/{first.generation.conversation_id}"
    assert (again.status_code, repeated.status_code) == (202, 202)
    assert repeated.json() == again.json()

    alice_browser.patch(address, {"head_id": str(first.answer.id)}, content_type="application/json")
    page = alice_browser.get(f"/chat/{first.generation.conversation_id}/").content.decode()

    assert "<p>one</p>" in page
    assert "<p>two</p>" not in page
    assert alice_browser.patch(address, {"head_id": str(uuid4())}, content_type="application/json").status_code == 404


def test_stop_takes_no_fields(rich_alice: Member, alice_browser: Client, model: str) -> None:
    asked = send(rich_alice.id)
    address = f"/api/v1/chat/generations/{asked.generation.id}/stop"

    assert alice_browser.post(address, {"x": 1}, content_type="application/json").status_code == 400
    assert alice_browser.post(address, {}, content_type="application/json").json()["state"] == "stopped"


def _finish(text: str) -> None:
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    outcome = Outcome(state=GenerationState.FINISHED, text=text, finish_reason="stop")
    services.finish_run(generation_id=job.generation_id, lease_token=job.lease_token, outcome=outcome, now=clock.now())
