"""Prompts to begin with: a member's own are theirs alone, bounded, and lost by no second window; others are offered."""

import json
import zipfile
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from apps.accounts.contracts import Member
from apps.accounts.errors import MemberClosed
from apps.chat import errors, services
from apps.chat.contracts import OwnPromptDetail, WordAction
from apps.chat.models import OwnPrompt, Starter, WordHit
from apps.chat.rules.prompt_library import LISTED_STARTERS, MAX_PROMPT_TEXT, MAX_PROMPT_TITLE, PROMPTS_PER_MEMBER
from apps.chat.rules.word_lists import SensitiveWords
from apps.kernel import clock
from apps.kernel.models import AuditEntry
from tests.cast import browser_of
from tests.integration.chat.test_word_lists import save_list

pytestmark = pytest.mark.django_db

PATH = "/api/v1/chat/prompts"
ADD = "/admin/chat/starter/add/"
FORM = {"code": "sum", "title": "总结", "text": "总结{{原文}}", "category": "写作", "language": "", "sort": 5,
        "is_enabled": "on", "reason": "members ask for it"}  # fmt: skip


@pytest.fixture
def alice_client(alice: Member) -> Client:
    """Alice's browser."""
    return browser_of(alice.id)


def post(client: Client, text: str = "Sum up {{text}}.", *, client_id: str = "", **more: object) -> Any:
    return client.post(PATH, {"text": text, "client_id": client_id or uuid4().hex, **more}, "application/json")


def put(client: Client, prompt: Any, **changes: object) -> Any:
    body = {name: prompt[name] for name in ("title", "text", "version")} | changes
    return client.put(f"{PATH}/{prompt['id']}", body, "application/json")


def keep(member: Member, text: str = "Sum up.") -> OwnPromptDetail:
    return services.create_own_prompt(user_id=member.id, text=text, client_id=uuid4().hex, now=clock.now())


def offer(code: str = "sum", **more: Any) -> None:
    services.save_starter(**{"code": code, "title": "Sum", "text": "Sum up.", "now": clock.now(), **more})


# --- a member's own


def test_a_prompt_is_kept_changed_and_deleted(alice_client: Client) -> None:
    made = post(alice_client, "  Sum up {{text}}.\r\nShort.\n", title=" My  sums ")

    assert made.status_code == 201
    told = made.json()
    assert {**told, "title": "My sums", "text": "Sum up {{text}}.\nShort.", "version": 1} == told
    changed = put(alice_client, told, title="Sums").json()
    assert (changed["title"], changed["text"], changed["version"]) == ("Sums", told["text"], 2)
    assert alice_client.get(PATH).json() == [changed] == [alice_client.get(f"{PATH}/{told['id']}").json()]
    assert alice_client.delete(f"{PATH}/{told['id']}").status_code == 204
    assert alice_client.get(PATH).json() == []
    assert alice_client.delete(f"{PATH}/{told['id']}").json()["code"] == "prompt_not_found"


def test_without_a_title_it_is_called_by_its_beginning(alice_client: Client) -> None:
    assert post(alice_client, "Sum up\nthis").json()["title"] == "Sum up this"
    assert post(alice_client, "长" * 100, title=" ").json()["title"] == "长" * 30 + "…"
    assert post(alice_client, "Sum up", title="\u200b").json()["title"] == "Sum up"


def test_those_changed_last_stand_first(alice: Member, alice_client: Client) -> None:
    first, second = post(alice_client, "one").json(), post(alice_client, "two").json()
    assert [row["text"] for row in alice_client.get(PATH).json()] == ["two", "one"]

    put(alice_client, first, text="one again")

    assert [row["id"] for row in alice_client.get(PATH).json()] == [first["id"], second["id"]]


def test_the_same_act_again_answers_what_it_made(alice: Member, bob: Member, alice_client: Client) -> None:
    made = post(alice_client, client_id="prompt-0001").json()

    assert post(alice_client, "another text", client_id="prompt-0001").json() == made
    # Somebody else's act of that name is another one.
    assert post(browser_of(bob.id), client_id="prompt-0001").json()["id"] != made["id"]
    assert OwnPrompt.objects.filter(user_id=alice.id).count() == 1


def test_of_two_windows_the_second_is_told_and_loses_nothing(alice_client: Client) -> None:
    shown = post(alice_client, "as it was").json()
    assert put(alice_client, shown, text="of the first window").status_code == 200

    refused = put(alice_client, shown, text="of the second window")

    assert (refused.status_code, refused.json()["code"]) == (409, "prompt_changed")
    assert refused.json()["context"] == {"version": 2}
    assert alice_client.get(f"{PATH}/{shown['id']}").json()["text"] == "of the first window"
    # A repeat whose first answer was lost asks for what is there: nothing is lost by it.
    assert put(alice_client, shown, text="of the first window").json()["version"] == 2


@pytest.mark.parametrize(
    ("title", "text", "field"),
    [
        ("", " \n ", "text"),
        ("", "a" * (MAX_PROMPT_TEXT + 1), "text"),
        ("", " \u200b\u2060\u3164\n", "text"),
        ("", "a\x07b", "text"),
        ("", "a\ud800", "text"),
        ("a" * (MAX_PROMPT_TITLE + 1), "text", "title"),
        ("a\x1bb", "text", "title"),
    ],
)
def test_what_is_no_prompt_is_refused(alice: Member, title: str, text: str, field: str) -> None:
    with pytest.raises(errors.PromptNotValid) as refused:
        services.create_own_prompt(user_id=alice.id, title=title, text=text, client_id="act-0001", now=clock.now())

    assert refused.value.context == {"field": field}
    assert not OwnPrompt.objects.exists()


def test_signs_that_nobody_sees_are_no_prompt_either_way(alice_client: Client) -> None:
    kept = post(alice_client, "about pears").json()

    for refused in (post(alice_client, "\u200b"), put(alice_client, kept, text="\u200b")):
        assert (refused.status_code, refused.json()["code"]) == (422, "prompt_not_valid")
        assert refused.json()["context"] == {"field": "text"}

    assert [row["text"] for row in alice_client.get(PATH).json()] == ["about pears"]


def test_what_is_too_long_or_unknown_is_told_by_field(alice_client: Client) -> None:
    for body in ({"text": "a" * 4001}, {"title": "a" * 61}, {"more": "x"}, {"text": 5}, {"client_id": "short"}):
        refused = alice_client.post(PATH, {"text": "a", "client_id": uuid4().hex, **body}, "application/json")
        assert (refused.status_code, refused.json()["code"], set(refused.json()["errors"])) == (
            400,
            "validation_failed",
            set(body),
        )


def test_there_are_so_many_and_no_more(alice: Member, alice_client: Client) -> None:
    for number in range(PROMPTS_PER_MEMBER):
        last = keep(alice, f"number {number}")

    refused = post(alice_client)

    assert (refused.status_code, refused.json()["code"]) == (409, "prompts_full")
    assert refused.json()["context"] == {"limit": PROMPTS_PER_MEMBER}
    assert alice_client.delete(f"{PATH}/{last.id}").status_code == 204
    assert post(alice_client).status_code == 201


def test_nobody_else_finds_it_at_any_address(alice: Member, bob: Member) -> None:
    kept = keep(alice, "a secret of Alice")
    stranger = browser_of(bob.id)

    body = {"title": "mine", "text": "mine", "version": 1}
    answers = [
        stranger.get(f"{PATH}/{kept.id}"),
        stranger.put(f"{PATH}/{kept.id}", body, "application/json"),
        stranger.delete(f"{PATH}/{kept.id}"),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "prompt_not_found")] * 3
    assert stranger.get(PATH).json() == []
    assert browser_of(alice.id).get(PATH).json()[0]["text"] == "a secret of Alice"


# --- words


@pytest.mark.django_db(transaction=True)
def test_what_would_be_refused_as_a_question_is_not_kept(alice: Member, alice_client: Client) -> None:
    save_list(WordAction.REJECT, "plum")
    kept = post(alice_client, "about pears").json()

    for refused in (post(alice_client, "about p l u m s"), post(alice_client, "x", title="plum"), put(
        alice_client, kept, text="plum"
    )):  # fmt: skip
        assert (refused.status_code, refused.json()["code"]) == (422, "prompt_refused")
        assert "plum" not in refused.content.decode()

    assert [row["text"] for row in alice_client.get(PATH).json()] == ["about pears"]
    assert WordHit.objects.filter(user_id=alice.id).count() == 3


@pytest.mark.django_db(transaction=True)
def test_where_the_rule_of_words_is_off_or_masks_it_is_kept(alice_client: Client) -> None:
    save_list(WordAction.MASK, "plum")
    assert post(alice_client, "a plum").json()["text"] == "a plum"
    save_list(WordAction.REJECT, "pear")
    by: dict[str, Any] = {"actor": "system", "reason": "test", "now": clock.now()}
    services.save_rule(code=SensitiveWords.code, is_on=False, place=None, **by)
    assert post(alice_client, "a pear").status_code == 201


# --- taken away and erased


def test_it_is_told_in_the_export_and_gone_with_the_account(alice: Member, bob: Member, alice_client: Client) -> None:
    kept, other = keep(alice, "a secret of Alice"), keep(bob, "a secret of Bob")

    answer: Any = alice_client.get("/api/v1/me/export")
    with zipfile.ZipFile(BytesIO(b"".join(answer.streaming_content))) as archive:
        told = json.loads(archive.read("own_prompts.json"))
    assert [(row["id"], row["text"]) for row in told] == [(str(kept.id), "a secret of Alice")]
    assert alice_client.delete("/api/v1/me", {"confirm": "Alice"}, "application/json").status_code == 204

    assert list(OwnPrompt.objects.values_list("pk", flat=True)) == [other.id]
    with pytest.raises(MemberClosed):
        keep(alice)


# --- the operators'


def test_operators_offer_prompts_with_a_reason_on_the_trail(operator_browser: Client, alice_client: Client) -> None:
    assert operator_browser.post(ADD, FORM).status_code == 302

    assert AuditEntry.objects.get(action="chat.save_starter").reason == "members ask for it"
    assert alice_client.get("/api/v1/chat/starters").json() == [
        {"code": "sum", "title": "总结", "text": "总结{{原文}}", "category": "写作"}
    ]
    page = f"/admin/chat/starter/{Starter.objects.get().pk}/change/"
    assert operator_browser.post(page, {**FORM, "is_enabled": "", "reason": "nobody used it"}).status_code == 302
    assert alice_client.get("/api/v1/chat/starters").json() == []


def test_what_is_no_prompt_is_an_error_of_its_field(operator_browser: Client) -> None:
    page = operator_browser.post(ADD, {**FORM, "text": "a" * (MAX_PROMPT_TEXT + 1)})

    (told,) = page.context["adminform"].form.errors["text"]
    assert told == "标题最多 60 字，内容最多 4000 字，都不能为空。 (prompt_not_valid)"
    assert not Starter.objects.exists()


def test_pages_of_a_language_are_offered_its_prompts_in_order(alice_client: Client) -> None:
    offer("a", language="zh-hans", sort=3)
    offer("b", language="en", sort=2)
    offer("c", sort=1)
    offer("d", is_enabled=False)

    def codes(language: str) -> list[str]:
        answer = alice_client.get("/api/v1/chat/starters", headers={"Accept-Language": language})
        return [row["code"] for row in answer.json()]

    assert (codes("zh-CN"), codes("en")) == (["c", "a"], ["c", "b"])


def test_so_many_are_listed_and_no_more(alice_client: Client) -> None:
    for number in range(LISTED_STARTERS + 1):
        offer(f"number-{number}", sort=number)

    assert len(alice_client.get("/api/v1/chat/starters").json()) == LISTED_STARTERS


@pytest.mark.parametrize("wrong", [{"language": "fr"}, {"category": "a" * 25}])
def test_an_offer_in_no_language_or_under_too_long_a_name_is_refused(db: None, wrong: dict[str, str]) -> None:
    with pytest.raises(errors.ConfigurationNotValid):
        offer(**wrong)
