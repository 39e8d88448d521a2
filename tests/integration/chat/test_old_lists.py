"""Pages of old lists are found by their index, however many rows of others are newer."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.contracts import Member
from apps.chat import selectors, services
from apps.chat.contracts import Role
from apps.chat.models import Conversation, Message
from apps.kernel import clock
from apps.kernel.ids import new_id

pytestmark = pytest.mark.django_db

_NEWER_ROWS = 3000


@pytest.fixture
def old_conversation(alice: Member, bob: Member) -> object:
    """A conversation of Alice with forty messages, older than thousands of Bob's."""
    now = clock.now()
    ours = services.create_conversation(user_id=alice.id, now=now).id
    mine = [Message(conversation_id=ours, user_id=alice.id, role=Role.USER, created_at=now) for _ in range(40)]
    Message.objects.bulk_create(mine)
    theirs = [Conversation(user_id=bob.id, created_at=now, updated_at=now) for _ in range(_NEWER_ROWS)]
    Conversation.objects.bulk_create(theirs)
    others = [Message(conversation=row, user_id=bob.id, role=Role.USER, created_at=now) for row in theirs]
    Message.objects.bulk_create(others)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return ours


def plan_of(queries: CaptureQueriesContext, table: str) -> str:
    """How the database carries out the one query that pages through this table."""
    (statement,) = [
        query["sql"] for query in queries if f'FROM "{table}"' in query["sql"] and "LIMIT 3" in query["sql"]
    ]
    explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    with connection.cursor() as cursor:
        cursor.execute(f"{explain} {statement}")
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


@pytest.mark.parametrize("has_cursor", [False, True])
def test_messages_of_a_conversation(alice: Member, old_conversation: object, has_cursor: bool) -> None:
    cursor = f"o{new_id().hex}" if has_cursor else None
    with CaptureQueriesContext(connection) as queries:
        page = selectors.messages_of(
            user_id=alice.id,
            conversation_id=old_conversation,  # type: ignore[arg-type]
            cursor=cursor,
            size=2,
        )

    assert len(page.items) == 2
    plan = plan_of(queries, "chat_message")
    assert "chat_message_of_conversation" in plan
    assert "SORT" not in plan.upper()


@pytest.mark.parametrize("has_cursor", [False, True])
def test_conversations_of_a_member(alice: Member, old_conversation: object, has_cursor: bool) -> None:
    cursor = f"o{new_id().hex}" if has_cursor else None
    with CaptureQueriesContext(connection) as queries:
        page = selectors.conversations_of(user_id=alice.id, cursor=cursor, size=2)

    assert [item.id for item in page.items] == [old_conversation]
    plan = plan_of(queries, "chat_conversation")
    assert "chat_conversation_of_user" in plan
    assert "SORT" not in plan.upper()
