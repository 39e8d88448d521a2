"""Each race test runs as it is, and once without its guard: then the race must go wrong as the test says."""

import re
from collections.abc import Generator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from apps.accounts.services import callback
from apps.marketing.contracts import ActivityDetail
from tests.integration.marketing import campaign
from tests.race import guards

HERE = Path(__file__).parent
# Two have no rivals. What keeps the third's from waiting in a circle is that something was made long before. The last
# two are not proven: what is seen without their locks depends on who is quicker.
WITHOUT_GUARD = {
    "test_nothing_is_written_at_a_closed_account",
    "test_the_handler_under_test_is_the_one_that_is_registered",
    "test_the_first_end_of_all_makes_nobody_wait_in_a_circle",
    "test_a_code_typed_in_while_the_phone_says_yes_signs_in_once",
    "test_nobody_signs_in_to_an_account_that_is_closed_meanwhile",
}


@pytest.fixture(autouse=True, params=["guarded", "unguarded"])
def guard(request: pytest.FixtureRequest) -> str:
    """Whether the guard is there."""
    return str(request.param)


@pytest.fixture(autouse=True)
def patient_callback(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last of fifty phones may wait for the others longer than WeChat would, on a machine that is slow."""
    monkeypatch.setattr(callback, "PATIENCE", timedelta(seconds=30))


@pytest.fixture
def sound_books(transactional_db: None) -> Iterator[None]:
    """The test leaves books without a breach, read at the campaign's noon."""
    yield
    # The deeds that are rewarded here are names alone.
    assert [line for line in campaign.breaches() if not line.startswith("I-41-deeds")] == []


@pytest.fixture
def autumn(transactional_db: None) -> ActivityDetail:
    """A live activity without limits."""
    return campaign.activity()


def _guard_of(item: pytest.Item) -> guards.Guard | None:
    mark = item.get_closest_marker("guarded_by")
    return mark.args[0] if mark else None


def _is_unguarded(item: pytest.Item) -> bool:
    return hasattr(item, "callspec") and item.callspec.params.get("guard") == "unguarded"


def _test_of(item: pytest.Item) -> tuple[object, str]:
    return item.path, getattr(item, "originalname", item.name)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep one run without its guard of each test, or one with each parameter where each is a race of its own."""
    first: dict[tuple[object, str], str] = {}
    races = [item for item in items if item.path.parent == HERE]
    others: list[pytest.Item] = []
    for item in races:
        if _is_unguarded(item):
            first[_test_of(item)] = min(first.get(_test_of(item), item.name), item.name)
    for item in races:
        guard = _guard_of(item)
        is_wanted = not _is_unguarded(item) or (guard and (guard.each or first[_test_of(item)] == item.name))
        if not is_wanted:
            others.append(item)
    config.hook.pytest_deselected(items=others)
    gone = set(others)
    items[:] = [item for item in items if item not in gone]


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Without its guard a race test fails, and as it should; whatever else happens is an error."""
    guard = _guard_of(pyfuncitem)
    if guard is None and _test_of(pyfuncitem)[1] not in WITHOUT_GUARD:
        pytest.fail("it does not say what guards it: tests/race/guards.py")
    if guard is None or not _is_unguarded(pyfuncitem):
        return (yield)
    with guards.lifted(guard, pyfuncitem.module):
        try:
            yield
        except (Exception, pytest.fail.Exception) as failure:  # noqa: BLE001  # judged by what it says
            said = f"{type(failure).__name__}: {failure}"
        else:
            pytest.fail("nothing went wrong without the guard")
    if not re.search(guard.seen, said) or "NeverMet" in said or "lock timeout" in said:
        pytest.fail(f"without the guard something else went wrong: {said}")
    return True
