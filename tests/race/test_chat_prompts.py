"""Real threads: a member keeps no more prompts than there may be, and no change is lost by another."""

from functools import partial
from uuid import uuid4

import pytest

from apps.accounts.contracts import Member
from apps.chat import errors, services
from apps.chat.models import OwnPrompt
from apps.chat.rules.prompt_library import PROMPTS_PER_MEMBER
from apps.kernel import clock
from apps.kernel.ids import new_id
from tests.race.concurrency import run_together
from tests.race.guards import CROWD, guarded_by, locks

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def keep(member: Member, client_id: str = "") -> None:
    services.create_own_prompt(user_id=member.id, text="Sum up.", client_id=client_id or uuid4().hex, now=clock.now())


@guarded_by(locks("accounts_user"), meet='INSERT INTO "chat_ownprompt"', seen=r"5[1-9] == 50")
def test_of_many_at_once_one_is_the_last_that_fits(alice: Member) -> None:
    now = clock.now()
    OwnPrompt.objects.bulk_create(
        OwnPrompt(
            id=new_id(), user_id=alice.id, client_id=f"act-{n}", title="a", text="a", created_at=now, updated_at=now
        )
        for n in range(PROMPTS_PER_MEMBER - 1)
    )

    outcomes = run_together([partial(keep, alice)] * CROWD)

    assert OwnPrompt.objects.count() == 50
    assert {type(error) for error in outcomes.errors} == {errors.PromptsFull}


@guarded_by(locks("chat_ownprompt"), meet='UPDATE "chat_ownprompt"', seen=r"[2-8] == 1")
def test_of_changes_to_one_version_one_is_made(alice: Member) -> None:
    keep(alice)
    prompt = OwnPrompt.objects.get()

    def change(number: int) -> None:
        services.change_own_prompt(
            user_id=alice.id, prompt_id=prompt.pk, title="Sum", text=f"{number}", version=1, now=clock.now()
        )

    outcomes = run_together([partial(change, number) for number in range(CROWD)])

    changed = CROWD - len(outcomes.errors)
    assert changed == 1
    assert {type(error) for error in outcomes.errors} == {errors.PromptChanged}
    assert OwnPrompt.objects.get().version == 2
