"""Real threads: vectors are handed out once, and only charged once."""

from functools import partial

import pytest

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.models import AnswerVectors
from apps.kernel import clock
from tests.integration.chat.conftest import give_quota
from tests.integration.chat.crashes import breaches
from tests.integration.chat.test_v1_embeddings import paid
from tests.integration.chat.test_v1_embeddings_kept import VECTOR, begun, ended, made, make_index
from tests.race.concurrency import run_concurrently
from tests.race.guards import guarded_by, locks

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@guarded_by(locks("chat_answervectors"), meet='DELETE FROM "chat_answervectors"', seen=r"\([2-8], 0\) == \(1, 0\)")
def test_of_twenty_takers_one_gets_the_vectors(alice: Member) -> None:
    give_quota(alice.id, 5000)
    make_index()
    begun(alice)
    job = ended(made())
    take = partial(services.take_vectors, user_id=alice.id, generation_id=job.generation_id)

    outcomes = run_concurrently(take, 20)

    assert outcomes.errors == []
    taken = [vectors.rows for vectors in outcomes.results if vectors is not None]
    assert (len(taken), AnswerVectors.objects.count()) == (1, 0)
    assert taken == [(VECTOR,)]
    assert paid(alice) == (2, 0)
    assert breaches(clock.now()) == []
