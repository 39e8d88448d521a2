"""Programs pay for each image the rate of what they asked for, whatever the model asks by the time it is drawn."""

from typing import Any

import pytest
from django.db import transaction
from openai import OpenAI

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import PerImage, PerSize
from apps.chat.models import AnswerUsage, Generation
from apps.kernel import clock
from tests.integration.chat.conftest import EngineThread
from tests.integration.chat.test_abandoned import assert_audit_is_clean
from tests.integration.chat.test_catalogue import breaches
from tests.integration.chat.test_v1_embeddings import paid
from tests.integration.chat.test_v1_images import PROMPT, client, serve
from tests.integration.ops.forgeries_orders import forced

__all__ = ["client"]
pytestmark = pytest.mark.django_db(transaction=True)

RATED = PerImage(
    image_milli=700,
    rates=(PerSize(size="256x256", milli=300), PerSize(size="256x256", quality="hd", milli=1_100)),
)


def reprice(price: PerImage) -> None:
    services.save_model(code="painter", name="Painter", kind="image", price=price, now=clock.now())


@pytest.mark.parametrize(
    ("said", "each"),
    [
        ({"size": "256x256", "quality": "hd"}, 1_100),
        ({"size": "256x256", "quality": "low"}, 300),
        ({"size": "256x256"}, 300),
        ({"size": "512x512", "quality": "hd"}, 1_100),
        ({"size": "auto", "quality": "hd"}, 1_100),
        ({}, 700),
    ],
)
@pytest.mark.usefixtures("engine")
def test_each_image_costs_the_rate_of_what_was_asked_for(
    said: dict[str, Any], each: int, client: OpenAI, site: str, rich_alice: Member
) -> None:
    serve(site)
    reprice(RATED)

    made = client.images.generate(model="painter", prompt=PROMPT, n=2, **said)

    assert len(made.data or ()) == 2
    row = Generation.objects.get()
    assert (row.held_milli, row.charged_milli) == (2 * each, 2 * each)
    assert services.read_answer(user_id=rich_alice.id, generation_id=row.pk).generation.image_milli == each
    assert paid(rich_alice) == (2 * each, 0)
    assert_audit_is_clean()


def test_what_was_asked_at_a_rate_is_paid_by_it_and_the_audit_names_any_other(
    client: OpenAI, site: str, rich_alice: Member, engine: EngineThread
) -> None:
    serve(site)
    reprice(RATED)
    client.images.generate(model="painter", prompt=PROMPT, size="256x256")
    reprice(PerImage(image_milli=700))

    assert_audit_is_clean()
    assert AnswerUsage.objects.get().charged_milli == 300
    with transaction.atomic():
        forced(Generation.objects.all(), image_quality="hd")
        assert any("another rate than follows from it" in breach for breach in breaches())
        transaction.set_rollback(True)
