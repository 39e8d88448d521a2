"""kill -9 of who makes vectors and of who hands them out: they are charged where they are there, and nowhere else."""

from datetime import timedelta
from uuid import UUID

import pytest

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import GenerationState
from apps.chat.models import AnswerUsage, AnswerVectors
from apps.chat.rules.embeddings import read_embedding
from apps.kernel import clock
from tests.integration.chat.conftest import generation
from tests.integration.chat.crashes import RICH, Books, books, breaches, of_this_test, var
from tests.integration.chat.test_crash_points import CLAIM, ENGINE, SETTLE
from tests.integration.chat.test_v1_embeddings import TEXTS, TOKENS, serve
from tests.power_cut import Cut, dying_process, wait_until_killed

pytestmark = pytest.mark.django_db(transaction=True)

LOST = {
    "claimed": Cut(CLAIM, "committed"),
    "before settling": Cut(SETTLE, "before"),
    "settling: the answer": Cut(SETTLE, "after"),
    "settling: its vectors": Cut('INSERT INTO "chat_answervectors"'),
    "settling: its attempt": Cut('INSERT INTO "chat_attempt"'),
    "settling: its usage": Cut('INSERT INTO "chat_answerusage"'),
    "settling: its hold": Cut(r"\s*UPDATE ledger_hold"),
    "settling: the movement": Cut('INSERT INTO "ledger_transfer"'),
    "settling: the key's counter": Cut('UPDATE "accounts_apikey"'),
}
TAKE = """
from uuid import UUID
from apps.chat import services
services.take_vectors(user_id=UUID({user!r}), generation_id=UUID({generation!r}))
"""
HANDED_OUT = 'DELETE FROM "chat_answervectors"'
UNTOUCHED, PAID = Books(RICH, 0, 0, 0, 0), Books(RICH - TOKENS, 0, TOKENS, 0, 0)


def ask(member: Member) -> UUID:
    """Embeddings in the queue, asked for with a key that may spend so much."""
    made = accounts.create_api_key(
        user_id=member.id, name="script", scopes=("chat",), spend_cap_milli=1500, now=clock.now()
    )
    key = accounts.identify_key(key=made.key, address="", now=clock.now())
    asked = read_embedding({"model": "index", "input": TEXTS})
    return services.start_embeddings(asked=asked, key=key, address="", now=clock.now()).generations[0].id


def made_by_an_engine_that_dies(member: Member, site: str, cut: Cut) -> UUID:
    serve(site)
    asked = ask(member)
    wait_until_killed(dying_process(ENGINE, cut, var=var(), **of_this_test()))
    return asked


def taken_by_one_who_dies(member: Member, asked: UUID, cut: Cut) -> None:
    work = TAKE.format(user=str(member.id), generation=str(asked))
    wait_until_killed(dying_process(work, cut, var=var(), **of_this_test()))


def assert_they_are_there_and_paid(member: Member, asked: UUID) -> None:
    row = generation(asked)
    assert (row.state, row.charged_milli, row.is_delivered) == (GenerationState.FINISHED, TOKENS, True)
    assert AnswerVectors.objects.filter(pk=asked).count() == 1
    assert AnswerUsage.objects.get(pk=asked).charged_milli == TOKENS
    assert books(member) == PAID
    assert breaches(clock.now()) == []


@pytest.mark.parametrize("cut", LOST.values(), ids=LOST)
def test_before_they_are_settled_a_killed_engine_costs_nobody_anything(site: str, rich_alice: Member, cut: Cut) -> None:
    asked = made_by_an_engine_that_dies(rich_alice, site, cut)

    assert generation(asked).state == GenerationState.RUNNING
    later = clock.now() + timedelta(seconds=20)
    assert services.settle_abandoned(now=later) == 1
    row = generation(asked)
    assert (row.state, row.error_code) == (GenerationState.INTERRUPTED, "engine_lost")
    assert (row.charged_milli, row.is_delivered) == (0, False)
    assert AnswerVectors.objects.count() == 0
    assert services.take_vectors(user_id=rich_alice.id, generation_id=asked) is None
    assert books(rich_alice) == UNTOUCHED
    assert breaches(later) == []


def test_once_they_are_settled_a_killed_engine_changes_nothing(site: str, rich_alice: Member) -> None:
    asked = made_by_an_engine_that_dies(rich_alice, site, Cut(SETTLE, "committed"))

    assert services.settle_abandoned(now=clock.now() + timedelta(seconds=20)) == 0
    assert_they_are_there_and_paid(rich_alice, asked)


def test_who_is_killed_while_they_are_handed_out_has_not_taken_them(site: str, rich_alice: Member) -> None:
    asked = made_by_an_engine_that_dies(rich_alice, site, Cut(SETTLE, "committed"))

    for moment in ("before", "after"):
        taken_by_one_who_dies(rich_alice, asked, Cut(HANDED_OUT, moment))
        assert_they_are_there_and_paid(rich_alice, asked)

    taken = services.take_vectors(user_id=rich_alice.id, generation_id=asked)
    assert taken is not None
    assert len(taken.rows) == len(TEXTS)
    assert (AnswerVectors.objects.count(), books(rich_alice)) == (0, PAID)


def test_what_nobody_comes_for_any_more_is_forgotten_and_stays_paid(site: str, rich_alice: Member) -> None:
    asked = made_by_an_engine_that_dies(rich_alice, site, Cut(SETTLE, "committed"))
    taken_by_one_who_dies(rich_alice, asked, Cut(HANDED_OUT, "before"))

    assert services.forget_vectors(now=clock.now() + timedelta(minutes=11)) == 1

    assert (generation(asked).charged_milli, books(rich_alice)) == (TOKENS, PAID)
    assert breaches(clock.now()) == []


def test_who_is_killed_once_they_are_handed_out_leaves_nothing(site: str, rich_alice: Member) -> None:
    asked = made_by_an_engine_that_dies(rich_alice, site, Cut(SETTLE, "committed"))

    taken_by_one_who_dies(rich_alice, asked, Cut(HANDED_OUT, "committed"))

    assert (AnswerVectors.objects.count(), books(rich_alice)) == (0, PAID)
    assert breaches(clock.now()) == []
