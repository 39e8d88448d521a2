"""What pictures of programs may cost the site while nothing comes of them: no file stays, drawing is counted, and
whoever sends none waits for nobody.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx2
import pytest
from django.core.files.storage import storages
from pytest_django.fixtures import Settings

from apps.accounts.contracts import Member
from apps.chat.imaging.cleaning import clean
from apps.chat.models import Generation
from apps.chat.rules import pictures as rules
from apps.kernel import clock, limits
from apps.kernel.errors import RateLimited
from config.settings.base import picture_store
from tests.integration.chat.conftest import EngineThread, give_quota, make_model, set_limits, wait_for
from tests.integration.chat.drawn import drawn
from tests.integration.chat.test_v1_bad_input import post
from tests.integration.chat.test_v1_models import error_of, key_of
from tests.integration.chat.test_v1_pictures import SVG, shows, uri
from tests.integration.chat.upstream import Upstream, answer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def place(settings: Settings, tmp_path: Path) -> None:
    """No file of another test is there."""
    settings.STORAGES = {**settings.STORAGES, **picture_store(tmp_path)}


@pytest.fixture
def seeing(upstream: Upstream) -> Upstream:
    """The provider, whose model sees."""
    make_model(url=upstream.url, has_vision=True)
    upstream.scripts["up-base"] = answer("A picture.")
    return upstream


def asks(*urls: str) -> bytes:
    """The body of a question that shows these."""
    return json.dumps({"model": "base", "messages": shows(*urls)}).encode()


def files() -> list[Path]:
    """Every file of a picture."""
    place: Any = storages["pictures"]
    return [path for path in Path(place.location).rglob("*") if path.is_file()]


def test_who_cannot_pay_leaves_no_file(alice: Member, seeing: Upstream) -> None:
    set_limits(free_per_day=0)

    response = post(asks(uri(drawn()), uri(drawn("JPEG"))), key_of(alice))

    assert error_of(response)["type"] == "insufficient_quota"
    assert files() == []


def test_nor_does_one_of_whose_pictures_one_breaks_off(rich_alice: Member, seeing: Upstream) -> None:
    response = post(asks(uri(drawn()), uri(drawn()[:-30])), key_of(rich_alice))

    assert (response.status_code, error_of(response)["code"]) == (400, "picture_not_understood")
    assert files() == []


def test_nothing_is_drawn_where_another_is_none_by_its_head(
    rich_alice: Member, seeing: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MEGAPIXELS_PER_HOUR", 1)

    for _ in range(3):
        response = post(asks(uri(drawn()), uri(SVG)), key_of(rich_alice))
        assert error_of(response)["code"] == "picture_not_understood"


def test_what_is_drawn_counts_whatever_comes_of_it(
    rich_alice: Member, seeing: Upstream, engine: EngineThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MEGAPIXELS_PER_HOUR", 5)
    key = key_of(rich_alice)
    cut = asks(uri(drawn(size=(1000, 1000))), uri(drawn(size=(1000, 1001))[:-30]))

    codes = [error_of(post(cut, key))["code"] for _ in range(2)]

    assert codes == ["picture_not_understood", "rate_limited"]
    assert not Generation.objects.exists()
    # Of what is left, less may still be drawn; and who sends none is not held back.
    assert post(asks(uri(drawn())), key).status_code == 200
    assert post(asks(), key).status_code == 200


def test_a_try_that_is_several_counts_as_several(db: None) -> None:
    now = clock.now()

    def hit(times: int) -> None:
        limits.hit("drawn", limit=5, window=timedelta(hours=1), now=now, times=times)

    hit(3)
    with pytest.raises(RateLimited):
        hit(3)
    hit(2)
    with pytest.raises(RateLimited):
        hit(1)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """Pictures are drawn when this is set, and not before."""
    may_draw = Event()

    def waiting(*args: Any, **more: Any) -> Any:
        may_draw.wait(60)
        return clean(*args, **more)

    monkeypatch.setattr("apps.chat.services.pictures.clean", waiting)
    yield may_draw
    may_draw.set()


@pytest.mark.usefixtures("seeing")
def test_whoever_sends_none_waits_for_nobody_who_does(
    site: str, alice: Member, bob: Member, engine: EngineThread, slow: Event
) -> None:
    give_quota(alice.id, 5_000)
    give_quota(bob.id, 5_000)
    answers: list[int] = []

    def ask(key: str, body: bytes) -> None:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        answers.append(
            httpx2.post(f"{site}/v1/chat/completions", content=body, headers=headers, timeout=60).status_code
        )

    key = key_of(alice)
    askers = [Thread(target=ask, args=(key, asks(uri(drawn())))) for _ in range(10)]
    for asker in askers:
        asker.start()
    # All but those who have a place are told to come again.
    wait_for(lambda: answers.count(503) == 7, what="seven that are refused")

    ask(key_of(bob), asks())

    assert answers[-1] == 200
    slow.set()
    for asker in askers:
        asker.join()
    assert len(answers) == 11
