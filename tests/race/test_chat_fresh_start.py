"""Real threads: who begins afresh and asks in the same moment pays for what is sent."""

from collections.abc import Callable
from functools import partial

import pytest

from apps.accounts.contracts import Member
from apps.chat import rules, selectors, services
from apps.chat.contracts import PerTokens
from apps.chat.models import Message
from apps.kernel import clock
from tests.integration.chat.conftest import give_quota, make_model, send
from tests.integration.chat.test_asking import finish
from tests.race.concurrency import run_together
from tests.race.guards import Rewritten, guarded_by

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@guarded_by(
    Rewritten("SELECT ends_context", " FOR KEY SHARE", ""),
    meet=r'UPDATE "chat_(message" SET "ends_context|conversation" SET "head)',
    # Who asks has read what is not true any more; or each waits for the other.
    seen=r"\d+ == \d+|deadlock detected",
    crowd=2,
)
def test_what_is_counted_is_what_is_sent(alice: Member) -> None:
    """Whoever comes first."""
    give_quota(alice.id, 50_000)
    make_model(price=PerTokens(input_milli=200, cached_milli=50, output_milli=800))
    first = send(alice.id, "one")
    finish(first.generation.id, text="re one")
    place = first.generation.conversation_id
    assert place is not None
    afresh = partial(
        services.begin_afresh, user_id=alice.id, conversation_id=place, message_id=first.answer.id, now=clock.now()
    )

    acts: list[Callable[[], object]] = [partial(send, alice.id, "two", conversation_id=place), afresh]

    outcomes = run_together(acts)

    assert outcomes.errors == []
    answer = Message.objects.exclude(pk=first.answer.id).get(role="assistant")
    sent = rules.asked_tokens(selectors.turns_above([answer])[answer.pk])
    assert answer.generation.branch_tokens == sent
