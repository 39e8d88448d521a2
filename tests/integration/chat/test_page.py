"""The chat page as the server sends it."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import GenerationState, PaidBy, Role
from apps.chat.models import ChatModel, Conversation, Generation, Message
from apps.kernel import clock
from tests.integration.chat.conftest import make_model, send, set_limits

pytestmark = pytest.mark.django_db


def long_conversation(member: Member, *, messages: int) -> Conversation:
    """A settled conversation of this many messages."""
    now = clock.now()
    model = ChatModel.objects.get()
    conversation = Conversation.objects.create(user_id=member.id, title="long", created_at=now, updated_at=now)
    rows: list[Message] = []
    for index in range(messages):
        role = Role.USER if index % 2 == 0 else Role.ASSISTANT
        parent = rows[-1] if rows else None
        rows.append(
            Message(
                conversation=conversation,
                user_id=member.id,
                parent=parent,
                role=role,
                text=f"text {index}" if role is Role.USER else "",
                created_at=now,
            )
        )
    Message.objects.bulk_create(rows)
    Generation.objects.bulk_create(
        Generation(
            message=row,
            user_id=member.id,
            model=model,
            state=GenerationState.FINISHED,
            price=model.price,
            paid_by=PaidBy.FREE,
            free_day=now.date(),
            is_delivered=True,
            settled_at=now,
            created_at=now,
            text=f"text {index}",
        )
        for index, row in enumerate(rows)
        if row.role == Role.ASSISTANT
    )
    Conversation.objects.filter(pk=conversation.pk).update(head=rows[-1])
    return conversation


def test_two_hundred_messages_take_at_most_twelve_statements(alice: Member, alice_browser: Client, model: str) -> None:
    conversation = long_conversation(alice, messages=200)

    with CaptureQueriesContext(connection) as queries:
        page = alice_browser.get(f"/chat/{conversation.id}/")

    html = page.content.decode()
    assert page.status_code == 200
    assert html.count('<article class="message') == 200 + 2  # two are templates
    assert "text 199" in html
    assert len(queries) <= 12, "\n".join(query["sql"] for query in queries)


def test_a_question_is_text_and_an_answer_is_clean_html(alice: Member, alice_browser: Client, model: str) -> None:
    conversation = long_conversation(alice, messages=2)
    Message.objects.filter(role=Role.USER).update(text="<script>alert(1)</script> **me**")
    Generation.objects.update(text="<script>alert(2)</script> **you**")

    html = alice_browser.get(f"/chat/{conversation.id}/").content.decode()

    assert "&lt;script&gt;alert(1)&lt;/script&gt; **me**" in html
    assert "<p>&lt;script&gt;alert(2)&lt;/script&gt; <strong>you</strong></p>" in html


def test_a_running_answer_can_be_followed_after_a_reload(rich_alice: Member, alice_browser: Client, model: str) -> None:
    asked = send(rich_alice.id)
    (job,) = services.claim_jobs(limit=1, now=clock.now())
    services.keep_text(generation_id=job.generation_id, lease_token=job.lease_token, text="so far", now=clock.now())

    html = alice_browser.get(f"/chat/{asked.generation.conversation_id}/").content.decode()

    assert f'data-generation="{asked.generation.id}" data-state="running"' in html
    assert "<p>so far</p>" in html
    assert 'class="chat-list__dot" data-state="running"' in html


def test_models_that_cannot_be_asked_say_why(alice: Member, alice_browser: Client, model: str) -> None:
    make_model("vip", needs_entitlement=True)
    set_limits(free_per_day=0)

    html = alice_browser.get("/chat/", headers={"accept-language": "en"}).content.decode()

    options = html.split('<label class="model-option')[1:]
    (vip,) = [option for option in options if 'value="vip"' in option]
    (poor,) = [option for option in options if f'value="{model}"' in option]
    # What is no right of theirs cannot be chosen; what they cannot pay for can, for they may top up beside it.
    assert " disabled" in vip
    assert "Not part of your plan yet." in vip
    assert " disabled" not in poor.split("</label>")[0]
    assert "Your quota does not cover this model right now." in poor


def test_a_visitor_is_sent_to_sign_in_and_a_stranger_sees_nothing(
    rich_alice: Member, visitor: Client, bob_browser: Client, model: str
) -> None:
    asked = send(rich_alice.id)
    address = f"/chat/{asked.generation.conversation_id}/"

    assert visitor.get(address)["Location"] == f"/login/?next={address}"
    page = bob_browser.get(address)
    assert page.status_code == 404
    assert "hello" not in page.content.decode()


def test_a_deleted_chat_leaves_an_empty_one_in_its_place(alice: Member, alice_browser: Client, model: str) -> None:
    conversation = services.create_conversation(user_id=alice.id, now=clock.now())
    services.delete_conversation(user_id=alice.id, conversation_id=conversation.id, now=clock.now())

    page = alice_browser.get(f"/chat/{conversation.id}/")

    assert page.status_code == 404
    assert f'id="gone" role="status" data-conversation="{conversation.id}"' in page.content.decode()
    assert 'id="chat" data-conversation=""' in page.content.decode()
