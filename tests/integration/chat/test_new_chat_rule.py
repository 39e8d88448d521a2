"""docs/how-to/add-a-chat-rule.md, followed for a rule that the site does not have."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.test import Client

from apps.accounts.contracts import Member
from apps.chat import rules, services
from apps.chat.models import Generation, Message
from apps.chat.registries import RULES
from apps.kernel import clock
from apps.kernel.errors import DomainError, ErrorKind
from tests.integration.chat.conftest import send
from tests.integration.chat.test_without_conversation import request_of

pytestmark = pytest.mark.django_db


class Shouting(DomainError):
    """A question in capital letters."""

    kind = ErrorKind.UNPROCESSABLE
    code = "shouting"
    title = "Please do not shout."


class CalmVoice(rules.Rule):
    """Who shouts is refused; who raises the voice at the end is made to speak calmly."""

    code = "calm-voice"
    label = "Calm voice"
    purpose = "Nobody shouts."
    refusals = (Shouting,)

    def judge(self, question: rules.Question) -> rules.Question:
        """Raises Shouting."""
        if question.text.isupper():
            raise Shouting
        *before, last = question.turns
        return replace(question, turns=(*before, rules.text_turn(last.role, last.text.rstrip("!"))))


@pytest.fixture(autouse=True)
def calm_voice() -> Iterator[None]:
    """A rule that is registered as any other, for one test."""
    RULES.register(CalmVoice())
    yield
    RULES.unregister("calm-voice")


def test_it_refuses_with_its_own_code_charges_nothing_and_is_counted(
    rich_alice: Member, alice_browser: Client, model: str
) -> None:
    conversation = services.create_conversation(user_id=rich_alice.id, now=clock.now()).id
    body = {"content": "HELLO", "model": "base", "client_id": "client-0001"}
    address = f"/api/v1/chat/conversations/{conversation}/messages"

    answer = alice_browser.post(address, body, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (422, "shouting")
    assert (Message.objects.count(), Generation.objects.count()) == (0, 0)
    assert services.quota_of(user_id=rich_alice.id, now=clock.now()).held_milli == 0
    assert services.refusals_by_rule() == {"calm-voice": 1}


def test_what_it_makes_of_a_request_is_what_is_kept_and_asked(rich_alice: Member, model: str) -> None:
    said = request_of(("user", ["Listen!"]), ("assistant", ["yes!"]), ("user", ["hello!!"]))

    services.start_generation(user_id=rich_alice.id, model="base", request=said, now=clock.now())

    calm = request_of(("user", ["Listen!"]), ("assistant", ["yes!"]), ("user", ["hello"]))
    assert Generation.objects.get().request == calm
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    assert job.turns[-1].text == "hello"


def test_what_it_makes_of_a_message_is_what_is_kept_shown_and_asked(rich_alice: Member, model: str) -> None:
    asked = send(rich_alice.id, "hello!!")

    assert (asked.message.text, Message.objects.get(pk=asked.message.id).text) == ("hello", "hello")
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    assert job.turns[-1].text == "hello"


def test_operators_find_it_among_the_rules_that_move_before_those_that_stay(operator_browser: Client) -> None:
    page = operator_browser.get("/admin/chat/chatrule/")

    shown = [rule.code for rule in page.context["cl"].result_list]
    assert shown[-4:] == ["calm-voice", "account-status", "model-permission", "quota"]
    assert "Nobody shouts." in page.content.decode()


def test_switched_off_it_is_not_asked(rich_alice: Member, model: str) -> None:
    services.save_rule(
        code="calm-voice", is_on=False, place=None, actor="staff:x", reason="a loud day", now=clock.now()
    )

    assert send(rich_alice.id, "HELLO").message.text == "HELLO"
