"""What pictures of programs may cost the site while nothing comes of them: no file stays, drawing is counted, and
whoever sends none waits for nobody.
"""

import json
from collections.abc import Callable, Iterator
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


OF_ALICE = drawn(size=(41, 41))


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """Alice's pictures are drawn when this is set, and not before."""
    may_draw = Event()

    def waiting(content: bytes, **more: Any) -> Any:
        if content == OF_ALICE:
            may_draw.wait(60)
        return clean(content, **more)

    monkeypatch.setattr("apps.chat.services.pictures.clean", waiting)
    yield may_draw
    may_draw.set()


@pytest.fixture
def senders(alice: Member, bob: Member, slow: Event) -> Iterator[Callable[[str, bytes], list[httpx2.Response]]]:
    """Alice sends something ten times at the same moment; what is answered by and by. They end with the test."""
    give_quota(alice.id, 5_000)
    give_quota(bob.id, 5_000)
    threads: list[Thread] = []

    def send(url: str, body: bytes) -> list[httpx2.Response]:
        answers: list[httpx2.Response] = []
        key = key_of(alice)
        threads.extend(Thread(target=lambda: answers.append(sent(url, body, key))) for _ in range(10))
        for thread in threads:
            thread.start()
        return answers

    yield send
    slow.set()
    for thread in threads:
        thread.join()


def sent(url: str, body: bytes, key: str) -> httpx2.Response:
    """What is answered to a picture, or to a question with some."""
    content_type = "image/png" if url.endswith("pictures") else "application/json"
    headers = {"Authorization": f"Bearer {key}", "Content-Type": content_type}
    return httpx2.post(url, content=body, headers=headers, timeout=60)


@pytest.mark.usefixtures("seeing", "engine")
def test_one_member_s_pictures_hold_up_no_other_member_s(
    site: str, bob: Member, senders: Callable[[str, bytes], list[httpx2.Response]]
) -> None:
    asking, uploading = f"{site}/v1/chat/completions", f"{site}/api/v1/chat/pictures"
    refused = senders(asking, asks(uri(OF_ALICE)))
    # All but the one that is being drawn are told to come again, two of them after they have waited for it.
    wait_for(lambda: len(refused) == 9, what="nine that are refused")
    key = key_of(bob)

    answers = [sent(asking, asks(), key), sent(asking, asks(uri(drawn())), key), sent(uploading, drawn(), key)]

    assert [answer.status_code for answer in answers] == [200, 200, 201]
    assert {(answer.status_code, answer.headers["Retry-After"]) for answer in refused} == {(429, "2")}
    error = refused[0].json()["error"]
    assert (error["type"], error["code"], error["param"]) == ("rate_limit_error", "concurrency", None)


@pytest.mark.usefixtures("seeing")
def test_nor_do_those_that_a_member_uploads(
    site: str, bob: Member, senders: Callable[[str, bytes], list[httpx2.Response]]
) -> None:
    uploading = f"{site}/api/v1/chat/pictures"
    refused = senders(uploading, OF_ALICE)
    wait_for(lambda: len(refused) == 6, what="six that are refused")

    assert sent(uploading, drawn(), key_of(bob)).status_code == 201
    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(429, "pictures_take_turns")}


@pytest.mark.usefixtures("seeing", "engine")
def test_a_member_s_own_pictures_wait_a_moment_for_each_other(
    site: str, senders: Callable[[str, bytes], list[httpx2.Response]], slow: Event
) -> None:
    answers = senders(f"{site}/v1/chat/completions", asks(uri(OF_ALICE)))
    wait_for(lambda: len(answers) == 7, what="seven that are refused at once")

    slow.set()

    wait_for(lambda: len(answers) == 10, what="all answers")
    assert sorted(answer.status_code for answer in answers) == [*[200] * 3, *[429] * 7]
