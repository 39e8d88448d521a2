"""kill -9 of the engine while it settles images: before its transaction is done nobody pays and nobody has a picture,
and the files that are there already go; behind it everything is as if nobody had died.
"""

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import GenerationState, PerImage
from apps.chat.models import Generation, Picture
from apps.chat.rules import pictures
from apps.chat.rules.images import read_images
from apps.kernel import clock
from tests.integration.chat.conftest import generation, make_model
from tests.integration.chat.crashes import RICH, Books, books, breaches, of_this_test, var
from tests.integration.chat.drawn import drawn
from tests.integration.chat.test_crash_points import ENGINE, SETTLE
from tests.integration.chat.upstream import running_upstream
from tests.power_cut import Cut, dying_process, wait_until_killed

pytestmark = pytest.mark.django_db(transaction=True)

PICTURE = 'INSERT INTO "chat_picture"'
LOST = {
    "before the settlement": Cut(SETTLE, "before"),
    "the answer": Cut(SETTLE, "after"),
    "before its pictures": Cut(PICTURE, "before"),
    "its pictures": Cut(PICTURE, "after"),
    "its usage": Cut('INSERT INTO "chat_answerusage"', "after"),
    "its hold": Cut(r"\s*UPDATE ledger_hold", "after"),
    "the balance": Cut(r"\s*UPDATE ledger_account", "after"),
    "the key's counter": Cut('UPDATE "accounts_apikey"', "after"),
}


@pytest.fixture
def asked(rich_alice: Member) -> Iterator[UUID]:
    """Three images were asked for with a key, of which two come."""
    with running_upstream() as upstream:
        made = {"b64_json": base64.b64encode(drawn(size=(64, 64))).decode(), "revised_prompt": "red and blue"}
        upstream.scripts["up-painter"] = [json.dumps({"created": 1, "data": [made, made]}).encode()]
        make_model("painter", url=upstream.url, kind="image", price=PerImage(image_milli=700))
        key = accounts.create_api_key(
            user_id=rich_alice.id, name="script", scopes=("chat",), spend_cap_milli=2100, now=clock.now()
        ).key
        started = services.start_images(
            asked=read_images({"model": "painter", "prompt": "red and blue", "n": 3}),
            key=accounts.identify_key(key=key, address="", now=clock.now()),
            address="",
            now=clock.now(),
        )
        yield started.generations[0].id


def files() -> int:
    """How many files of pictures there are that are nobody's; they go."""
    return services.purge_picture_files(now=clock.now() + pictures.FILE_WAITS + timedelta(minutes=1))


@pytest.mark.parametrize("point", LOST)
def test_before_images_are_settled_a_killed_engine_costs_nobody_anything(
    rich_alice: Member, asked: UUID, point: str
) -> None:
    files()
    wait_until_killed(dying_process(ENGINE, LOST[point], var=var(), **of_this_test()))

    assert generation(asked).state == GenerationState.RUNNING
    assert Picture.objects.count() == 0
    later = clock.now() + timedelta(seconds=20)
    assert services.settle_abandoned(now=later) == 1
    row = generation(asked)
    assert (row.state, row.error_code, row.charged_milli) == (GenerationState.INTERRUPTED, "engine_lost", 0)
    assert books(rich_alice) == Books(RICH, 0, 0, 0, 0)
    assert Picture.objects.count() == 0
    assert files() == 2
    assert breaches(later) == []


def test_once_images_are_settled_a_killed_engine_changes_nothing(rich_alice: Member, asked: UUID) -> None:
    files()
    wait_until_killed(dying_process(ENGINE, Cut(SETTLE, "committed"), var=var(), **of_this_test()))

    row = generation(asked)
    assert (row.state, row.is_delivered, row.charged_milli) == (GenerationState.FINISHED, True, 1400)
    assert services.settle_abandoned(now=clock.now() + timedelta(seconds=20)) == 0
    assert books(rich_alice) == Books(RICH - 1400, 0, 1400, 0, 0)
    told = services.made_pictures(user_id=rich_alice.id, generation_id=asked)
    assert [each.revised_prompt for each in told] == ["red and blue"] * 2
    for each in told:
        content = services.read_picture(user_id=rich_alice.id, picture_id=each.id).content
        assert content.startswith(b"\x89PNG")
    assert files() == 0
    assert breaches(clock.now()) == []


def test_images_whose_process_is_killed_while_it_asks_were_never_asked_for(rich_alice: Member) -> None:
    make_model("painter", kind="image", price=PerImage(image_milli=700))
    made = accounts.create_api_key(user_id=rich_alice.id, name="script", scopes=("chat",), now=clock.now())

    work = ASK.format(key=made.key)
    wait_until_killed(dying_process(work, Cut('INSERT INTO "chat_generation"', "after"), var=var(), **of_this_test()))

    assert Generation.objects.count() == 0
    assert books(rich_alice) == Books(RICH, 0, 0, 0, 0)
    assert breaches(clock.now()) == []


ASK = """
from apps.accounts import services as accounts
from apps.chat import services
from apps.chat.rules.images import read_images
from apps.kernel import clock
services.start_images(
    asked=read_images({{"model": "painter", "prompt": "red", "n": 3}}),
    key=accounts.identify_key(key={key!r}, address="", now=clock.now()), address="", now=clock.now(),
)
"""
