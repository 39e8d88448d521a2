"""What a script and the server both have to know: it stands in both, and is read from both here."""

import re
from pathlib import Path

import pytest

from apps.accounts.contracts import AttemptState
from apps.kernel import event_streams, http
from apps.orders import rules
from apps.orders.contracts import OrderState

ROOT = Path(__file__).parents[3]


def written(script: str, pattern: str) -> str:
    found = re.search(pattern, (ROOT / "static" / "js" / script).read_text(encoding="utf-8"))
    assert found, f"{pattern} in {script}"
    return found[1]


def seconds(script: str, name: str) -> float:
    return int(written(script, rf"const {name} = ([\d_]+);")) / 1000


def names(script: str, name: str) -> set[str]:
    return set(re.findall(r'"(\w+)"', written(script, rf"const {name} = new Set\(\[(.*?)\]\)")))


def test_a_stream_is_given_up_when_two_heartbeats_are_missing() -> None:
    heartbeat = event_streams._HEARTBEAT_SECONDS

    assert heartbeat < seconds("core/event_stream.js", "FRESH_MS")
    assert 2 * heartbeat < seconds("core/event_stream.js", "SILENCE_MS")


def test_a_change_is_waited_for_longer_than_the_server_waits_for_a_provider() -> None:
    assert seconds("core/api.js", "PATIENCE_WITH_CHANGES_MS") > http.CALL_SECONDS


def test_scripts_know_which_orders_can_be_paid_and_which_are_on_their_way() -> None:
    assert names("orders/acts.js", "OPEN") == rules.OPEN
    assert names("orders/pay.js", "FOLLOWED") == rules.OPEN | {OrderState.PAID}


@pytest.mark.parametrize(
    ("template", "key", "states"),
    [("orders/pay_texts.html", "order", set(OrderState)), ("accounts/login.html", "qr", set(AttemptState))],
)
def test_a_script_has_words_for_every_state(template: str, key: str, states: set[str]) -> None:
    page = (ROOT / "templates" / template).read_text(encoding="utf-8")

    assert states <= set(re.findall(rf'data-text="{key}-(\w+)"', page))
