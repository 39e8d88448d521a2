"""What operators do with a channel at hand: try it, force it on or off, wake its keys; and what they are told."""

import re
import threading
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from prometheus_client import REGISTRY

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.chat import errors, services
from apps.chat.contracts import BreakerState, Steering
from apps.chat.engine import trials
from apps.chat.models import Attempt, Channel, ChannelHealth, ChannelKey, Generation, Route
from apps.chat.registries import AttemptPhase
from apps.chat.rules import breaker
from apps.chat.services.channels import rest_key
from apps.chat.services.health import has_failed
from apps.kernel import clock
from apps.kernel.invariants import all_invariants
from apps.kernel.models import AuditEntry
from tests.cast import browser_of
from tests.integration.chat.conftest import EngineThread, make_model, send, wait_for
from tests.integration.chat.test_failover import second
from tests.integration.chat.upstream import Drop, Upstream, answer, failure, piece, reason

__all__ = ["second"]

pytestmark = pytest.mark.django_db(transaction=True)

CONNECT, FIRST_WORD, STREAM = AttemptPhase.CONNECT, AttemptPhase.FIRST_WORD, AttemptPhase.STREAM
BY: dict[str, Any] = {"actor": "staff:1", "reason": "a look"}
PAGE = "/admin/chat/channel/"


def channel_id(code: str = "test") -> Any:
    return Channel.objects.get(code=code).pk


def tried(**more: Any) -> list[services.KeyTried]:
    return services.try_channel(channel_id=channel_id(), **BY, now=clock.now(), **more)


def outcome() -> tuple[AttemptPhase, str, str]:
    [each] = tried()
    return each.trial.phase, each.trial.code, each.trial.words


def say(browser: Client, action: str, row: Any, *, page: str = PAGE) -> str:
    """Press a button of a row, say why, and read the page that follows."""
    chosen = {"action": action, "_selected_action": str(row)}
    asked = browser.post(page, chosen).content.decode()
    assert 'name="reason"' in asked
    return unescape(browser.post(page, {**chosen, "reason": "a look"}, follow=True).content.decode())


def fail(times: int = breaker.FAILURES, *, code: str = "upstream_tls") -> None:
    """The channel fails so often in a row."""
    send_id = Generation.objects.values_list("pk", flat=True).first()
    [job] = services.claim_jobs(limit=1, now=clock.now())
    assert send_id == job.generation_id
    for _ in range(times):
        has_failed(target=job.targets[0], generation_id=job.generation_id, code=code, now=clock.now())


def operator_with(role: str) -> Client:
    """An operator who has this role alone."""
    made = accounts.create_operator(username=role, password="a long demo password", roles=(role,), now=clock.now())
    return browser_of(made.id)


def breaches() -> list[object]:
    return [breach for check in all_invariants() for breach in check.check(clock.now())]


def test_a_channel_that_answers_shows_its_first_words_and_leaves_nothing_but_the_trail(upstream: Upstream) -> None:
    upstream.scripts["up-base"] = answer("Hello ", "there")

    [each] = tried()

    assert (each.key, each.upstream_model) == ("main", "up-base")
    assert (each.trial.phase, each.trial.code, each.trial.words) == (STREAM, "", "Hello there")
    assert each.trial.first_word_ms is not None
    assert 0 <= each.trial.first_word_ms <= each.trial.total_ms
    assert upstream.keys == ["Bearer sk-test-secret"]
    [asked] = upstream.requests
    assert asked["messages"] == [{"role": "user", "content": "Say hello."}]
    assert (Generation.objects.count(), Attempt.objects.count(), ChannelHealth.objects.count()) == (0, 0, 0)
    entry = AuditEntry.objects.get(action="chat.try_channel")
    assert (entry.target_id, entry.reason) == ("test", "a look")
    assert entry.after == {"main": f"ok, {each.trial.total_ms} ms"}
    assert breaches() == []


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        ([piece("Hel"), Drop()], (STREAM, "upstream_unreachable", "Hel")),
        ([Drop()], (FIRST_WORD, "upstream_unreachable", "")),
        ([failure("insufficient_quota")], (FIRST_WORD, "upstream_arrears", "")),
        (answer(""), (FIRST_WORD, "empty_answer", "")),
        ([piece("so far"), reason("network_error")], (STREAM, "upstream_cut", "so far")),
    ],
)
def test_what_goes_wrong_is_shown_with_how_far_it_came(
    script: list[Any], shown: tuple[AttemptPhase, str, str], upstream: Upstream
) -> None:
    upstream.scripts["up-base"] = script

    assert outcome() == shown


@pytest.mark.parametrize(
    ("refusal", "code"),
    [((401, {}), "upstream_key_refused"), ((402, {}), "upstream_arrears"), ((500, {}), "upstream_failed")],
)
def test_a_test_neither_puts_a_key_to_sleep_nor_counts_for_the_breaker(
    refusal: tuple[int, Any], code: str, upstream: Upstream
) -> None:
    upstream.refusals["up-base"] = refusal

    assert [outcome() for _ in range(breaker.FAILURES + 1)] == [(FIRST_WORD, code, "")] * (breaker.FAILURES + 1)

    assert ChannelKey.objects.get().sleeps_until is None
    assert not ChannelHealth.objects.exists()


def test_nobody_listens_there(model: str) -> None:
    assert outcome() == (CONNECT, "upstream_unreachable", "")


def test_nobody_waits_longer_than_an_operator_does(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "_SECONDS", 0.3)
    upstream.scripts["up-base"] = [piece("so far"), threading.Event()]

    assert outcome()[1] == "upstream_timeout"


def test_what_cannot_be_stopped_is_not_waited_for(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the look for a name is, which runs in a thread that nobody can end."""
    gate = threading.Event()

    def hang(target: Any) -> Any:
        gate.wait(60)
        return target

    monkeypatch.setattr(trials, "_SECONDS", 0.2)
    monkeypatch.setattr(trials, "_PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(trials, "_within_limits", hang)

    assert outcome() == (CONNECT, "upstream_timeout", "")
    gate.set()


def test_a_channel_that_repeats_the_key_does_not_show_it(upstream: Upstream, operator_browser: Client) -> None:
    upstream.scripts["up-base"] = answer("you said sk-test-", "secret \u202eto me", "<b>now</b>")

    page = say(operator_browser, "try_it", channel_id())

    assert "you said … to me<b>now</b>" in page
    assert "sk-test-secret" not in page
    assert "sk-test-secret" not in str(list(AuditEntry.objects.values_list("after", "before")))


def test_each_key_is_tried_also_one_that_sleeps_or_one_alone(upstream: Upstream) -> None:
    services.save_channel_key(channel_code="test", name="spare", api_key="sk-spare", now=clock.now())
    spare = ChannelKey.objects.get(name="spare")
    rest_key(key_id=spare.pk, reason="upstream_arrears", now=clock.now())
    upstream.scripts["up-base"] = answer("hello")
    upstream.refused_keys["Bearer sk-spare"] = (402, {})

    assert {each.key: each.trial.code for each in tried()} == {
        "main": "",
        "spare": "upstream_arrears",
    }
    assert [each.key for each in tried(key_id=spare.pk)] == ["spare"]


def test_a_route_is_tried_under_its_own_name(upstream: Upstream, operator_browser: Client) -> None:
    make_model("deep", url=upstream.url, upstream="their-deep")
    upstream.scripts["their-deep"] = answer("deep hello")

    page = say(operator_browser, "try_it", Route.objects.get(upstream_name="their-deep").pk, page="/admin/chat/route/")

    assert "their-deep" in page
    assert "deep hello" in page
    assert [request["model"] for request in upstream.requests] == ["their-deep"]


def test_what_has_no_route_to_a_model_of_texts_is_not_tried(upstream: Upstream, operator_browser: Client) -> None:
    Route.objects.update(is_enabled=False)
    upstream.scripts["up-base"] = answer("hello")
    assert outcome() == (STREAM, "", "hello")
    services.save_channel(code="bare", base_url=upstream.url, api_key="sk-bare", now=clock.now())

    with pytest.raises(errors.ChannelNotTried):
        services.try_channel(channel_id=channel_id("bare"), **BY, now=clock.now())
    assert "channel_not_tried" in say(operator_browser, "try_it", channel_id("bare"))


def test_a_test_says_why_and_is_made_one_at_a_time(
    upstream: Upstream, second: Upstream, operator_browser: Client
) -> None:
    chosen = {"action": "try_it", "_selected_action": [str(channel_id()), str(channel_id("second"))], "reason": "why"}

    page = operator_browser.post(PAGE, chosen, follow=True).content.decode()

    assert "tried_together" in page
    assert (upstream.requests, second.requests) == ([], [])
    assert not AuditEntry.objects.filter(action="chat.try_channel").exists()


def test_operators_without_the_right_try_nothing(upstream: Upstream) -> None:
    browser = operator_with("auditor")

    page = browser.get(PAGE).content.decode()
    answered = browser.post(PAGE, {"action": "try_it", "_selected_action": str(channel_id()), "reason": "why"})

    assert 'value="try_it"' not in page
    assert answered.status_code == 200
    assert upstream.requests == []


def test_forced_on_forced_off_and_back(upstream: Upstream, operator_browser: Client) -> None:
    def stands() -> tuple[bool, bool]:
        row = Channel.objects.get()
        return row.is_enabled, row.is_forced

    def offered() -> set[str]:
        return set(
            re.findall(r'form="act-[^"]*" name="action" value="(\w+)"', operator_browser.get(PAGE).content.decode())
        )

    assert offered() == {"try_it", "force_on", "force_off"}
    assert "强制启用" in say(operator_browser, "force_on", channel_id())
    assert (stands(), offered()) == ((True, True), {"try_it", "force_off", "automatic"})
    say(operator_browser, "force_off", channel_id())
    assert (stands(), offered()) == ((False, False), {"try_it", "force_on", "automatic"})
    say(operator_browser, "automatic", channel_id())
    assert stands() == (True, False)
    said = AuditEntry.objects.filter(action="chat.save_channel", reason="a look").order_by("pk")
    assert [(entry.after or {})["is_forced"] for entry in said] == [True, False, False]
    assert Channel.objects.get().base_url == upstream.url


def test_automatic_forgets_what_failed(rich_alice: Member, upstream: Upstream) -> None:
    send(rich_alice.id)
    fail()
    assert ChannelHealth.objects.get().state == BreakerState.OPEN
    version = ChannelHealth.objects.get().version

    services.steer_channel(channel_id=channel_id(), to=Steering.AUTOMATIC, **BY, now=clock.now())

    row = ChannelHealth.objects.get()
    assert (row.facts.is_well, row.code, row.version) == (True, "", version + 1)
    assert AuditEntry.objects.get(action="chat.forget_failures").target_id == "test"
    services.steer_channel(channel_id=channel_id(), to=Steering.AUTOMATIC, **BY, now=clock.now())
    assert AuditEntry.objects.filter(action="chat.forget_failures").count() == 1
    assert breaches() == []


def test_a_key_is_woken_once_and_its_waking_is_told(upstream: Upstream, operator_browser: Client) -> None:
    key = ChannelKey.objects.get()
    rest_key(key_id=key.pk, reason="upstream_arrears", now=clock.now())

    say(operator_browser, "wake", key.pk, page="/admin/chat/channelkey/")
    say(operator_browser, "wake", key.pk, page="/admin/chat/channelkey/")

    key.refresh_from_db()
    assert (key.sleeps_until, key.sleep_reason) == (None, "")
    assert AuditEntry.objects.get(action="chat.wake_key").target_id == str(key.pk)


def test_the_page_says_how_every_channel_does(
    rich_alice: Member, upstream: Upstream, second: Upstream, operator_browser: Client
) -> None:
    asked = send(rich_alice.id).generation.id
    fail(code="upstream_tls")
    key = ChannelKey.objects.get(channel__code="second")
    rest_key(key_id=key.pk, reason="upstream_arrears", now=clock.now())
    for number, code in enumerate(["upstream_timeout", "", "stopped", "upstream_cut", "upstream_busy", "upstream_tls"]):
        Attempt.objects.create(
            generation_id=asked,
            number=number + 1,
            route=Route.objects.get(channel__code="test"),
            key=ChannelKey.objects.get(channel__code="test"),
            phase=FIRST_WORD,
            code=code,
            total_ms=7,
            created_at=clock.now(),
        )

    page = unescape(operator_browser.get(PAGE).content.decode())

    rows = {code: row for row in page.split("<tr>") for code in ("test", "second") if f'/">{code}</a>' in row}
    assert "暂停使用" in rows["test"] or "连续失败 5 次，最近一次 upstream_tls" in rows["test"]
    shown = re.findall(r"\d\d:\d\d:\d\d (upstream_\w+)</a>", rows["test"])
    assert shown == ["upstream_tls", "upstream_busy", "upstream_cut"]
    assert f"/admin/chat/generation/{asked}/change/" in rows["test"]
    assert "upstream_arrears" in rows["second"]
    assert "休眠" in rows["second"]
    with CaptureQueriesContext(connection) as few:
        operator_browser.get(PAGE)
    for number in range(10):
        services.save_channel(code=f"more-{number}", base_url=upstream.url, api_key="sk-more", now=clock.now())
    with CaptureQueriesContext(connection) as many:
        operator_browser.get(PAGE)
    assert len(many) == len(few)


def test_the_home_says_what_needs_somebody_and_prometheus_too(
    rich_alice: Member, upstream: Upstream, second: Upstream, operator_browser: Client
) -> None:
    def home(browser: Client) -> str:
        return browser.get("/admin/").content.decode()

    def measured(name: str, **labels: str) -> float | None:
        return REGISTRY.get_sample_value(f"chatloop_chat_{name}", labels)

    assert "需要处理" not in home(operator_browser)
    assert (measured("channel_left_alone", channel="test"), measured("keys_asleep", reason="upstream_arrears")) == (
        0,
        None,
    )
    send(rich_alice.id)
    fail()
    rest_key(key_id=ChannelKey.objects.get(channel__code="second").pk, reason="upstream_arrears", now=clock.now())

    page = home(operator_browser)

    for said in ("因连续失败暂停使用", ">test</a>", "账户欠费", ">second/main</a>", "没有可用的密钥", ">second</a>"):
        assert said in page
    assert (measured("channel_left_alone", channel="test"), measured("keys_asleep", reason="upstream_arrears")) == (
        1,
        1,
    )
    assert "因连续失败暂停使用" not in home(operator_with("editor"))
    services.steer_channel(channel_id=channel_id(), to=Steering.AUTOMATIC, **BY, now=clock.now())
    services.steer_channel(channel_id=channel_id("second"), to=Steering.OFF, **BY, now=clock.now())
    assert "需要处理" not in home(operator_browser)
    later = clock.now() + timedelta(hours=2)
    assert services.channel_alarms(now=later).in_arrears == ()


def test_operators_see_how_many_answers_run_where(
    rich_alice: Member, upstream: Upstream, engine: EngineThread, operator_browser: Client
) -> None:
    gate = threading.Event()
    upstream.scripts["up-base"] = [piece("Hello"), gate, *answer("!")]
    send(rich_alice.id)

    wait_for(lambda: services.answers_running() == {"test": 1}, what="the engine to tell")

    assert re.search(
        r'field-running[^>]*><span class="cell-label">[^<]*</span>1</td>', operator_browser.get(PAGE).content.decode()
    )
    assert REGISTRY.get_sample_value("chatloop_chat_answers_running", {"channel": "test"}) == 1
    gate.set()
    wait_for(lambda: not services.answers_running(), what="the end of it")
