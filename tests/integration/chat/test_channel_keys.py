"""The keys of a channel: several take turns, one that is refused sleeps, and none goes where it was not entered for."""

import logging
from datetime import timedelta

import pytest
from django.test import Client

from apps.accounts.contracts import Member
from apps.chat import errors, rules, services
from apps.chat.contracts import GenerationState
from apps.chat.models import Channel, ChannelKey
from apps.chat.services.channels import rest_key
from apps.kernel import clock, sealing
from apps.kernel.models import AuditEntry
from tests.integration.chat.conftest import EngineThread, give_quota, make_model, send, settled
from tests.integration.chat.upstream import Upstream, answer

pytestmark = pytest.mark.django_db(transaction=True)

SECOND = "sk-second-key-of-this-account"


def add_key(name: str = "second", api_key: str | None = SECOND, *, is_enabled: bool = True) -> None:
    services.save_channel_key(channel_code="test", name=name, api_key=api_key, is_enabled=is_enabled, now=clock.now())


def key(name: str = "main") -> ChannelKey:
    return ChannelKey.objects.get(name=name)


def ask(member: Member) -> tuple[GenerationState, str]:
    done, text = settled(member.id, send(member.id).generation.id)
    return done.state, text or done.error_code


def test_keys_take_turns(rich_alice: Member, upstream: Upstream, engine: EngineThread) -> None:
    upstream.scripts["up-base"] = answer("fine")
    add_key()
    add_key("third", "sk-third")

    for _ in range(5):
        ask(rich_alice)
    services.save_channel_key(channel_code="test", name="third", api_key=None, is_enabled=False, now=clock.now())

    assert (
        {*upstream.keys[:3]}
        == {*upstream.keys[2:5]}
        == {f"Bearer {key}" for key in ("sk-test-secret", SECOND, "sk-third")}
    )
    give_quota(rich_alice.id, 4000)
    for _ in range(4):
        ask(rich_alice)
    assert "Bearer sk-third" not in upstream.keys[5:]


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        ((401, {"error": {"code": "invalid_api_key"}}), "upstream_key_refused"),
        ((402, {"error": {"message": "Insufficient Balance"}}), "upstream_arrears"),
        ((429, {"error": {"code": "1113", "message": "arrears"}}), "upstream_arrears"),
        ((429, {"error": {"type": "insufficient_quota"}}), "upstream_arrears"),
        ((400, {"error": {"code": "Arrearage"}}), "upstream_arrears"),
    ],
)
def test_a_key_that_is_refused_sleeps_and_another_answers(
    rich_alice: Member, upstream: Upstream, refusal: tuple[int, object], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.scripts["up-base"] = answer("with the other key")
    upstream.refused_keys["Bearer sk-test-secret"] = refusal
    add_key()

    with caplog.at_level(logging.ERROR):
        # One of the two came first.
        assert [ask(rich_alice), ask(rich_alice)] == [(GenerationState.FINISHED, "with the other key")] * 2

    asleep = key()
    assert (asleep.sleep_reason, key("second").sleeps_until) == (reason, None)
    assert asleep.sleeps_until is not None
    assert abs(asleep.sleeps_until - clock.now() - rules.KEY_SLEEP) < timedelta(minutes=1)
    assert upstream.keys.count("Bearer sk-test-secret") == 1
    alerts = [record.getMessage() for record in caplog.records if "sleeps until" in record.getMessage()]
    assert len(alerts) == 1
    assert alerts[0].startswith("channel test: key main sleeps until ")
    assert "sk-test-secret" not in caplog.text


@pytest.mark.parametrize("refusal", [(403, {}), (429, {"error": {"code": "1302"}})])
def test_a_key_that_is_only_busy_stays_awake(
    rich_alice: Member, upstream: Upstream, engine: EngineThread, refusal: tuple[int, object]
) -> None:
    upstream.scripts["up-base"] = answer("with the other key")
    upstream.refused_keys["Bearer sk-test-secret"] = refusal
    add_key()

    assert [ask(rich_alice)[1] for _ in range(3)] == ["with the other key"] * 3
    assert not ChannelKey.objects.exclude(sleeps_until=None).exists()


def test_while_every_key_sleeps_nothing_is_asked_and_nothing_charged(
    rich_alice: Member, upstream: Upstream, engine: EngineThread
) -> None:
    upstream.scripts["up-base"] = answer("again")
    upstream.refused_keys["Bearer sk-test-secret"] = (401, {})
    assert ask(rich_alice) == (GenerationState.FAILED, "upstream_key_refused")

    assert ask(rich_alice) == (GenerationState.FAILED, "channel_unavailable")
    assert len(upstream.keys) == 1

    # Saved again, it is awake.
    upstream.refused_keys.clear()
    add_key("main", None)
    assert ask(rich_alice) == (GenerationState.FINISHED, "again")


def test_a_key_wakes_by_itself(rich_alice: Member, model: str) -> None:
    now = clock.now()
    assert rest_key(key_id=key().pk, reason="upstream_arrears", now=now)
    assert not rest_key(key_id=key().pk, reason="upstream_key_refused", now=now + timedelta(minutes=1))
    assert key().sleep_reason == "upstream_arrears"

    send(rich_alice.id)
    [job] = services.claim_jobs(limit=1, now=now + rules.KEY_SLEEP)

    assert [target.key_id for target in job.targets] == [key().pk]


def test_a_channel_that_moves_forgets_its_other_keys(model: str) -> None:
    add_key()

    with pytest.raises(errors.ChannelKeyNeeded):
        services.save_channel(code="test", base_url="http://127.0.0.1:10/v1", api_key=None, now=clock.now())
    assert sealing.unseal("channel_key", key("second").api_key_sealed) == SECOND
    services.save_channel(code="test", base_url="http://127.0.0.1:10/v1", api_key="sk-for-there", now=clock.now())

    assert (key("second").api_key_sealed, key("second").hint) == ("", "")
    assert sealing.unseal("channel_key", key().api_key_sealed) == "sk-for-there"
    with pytest.raises(errors.ConfigurationNotValid):
        add_key(api_key=None)
    assert AuditEntry.objects.filter(action="chat.save_channelkey", after__api_key_sealed="sealed").count() == 4


def test_operators_see_the_end_of_a_key_and_never_the_key(operator_browser: Client) -> None:
    make_model()
    form = {
        "channel": str(Channel.objects.get().pk),
        "name": "second",
        "api_key": SECOND,
        "is_enabled": "on",
        "reason": "more room",
    }

    assert operator_browser.post("/admin/chat/channelkey/add/", form).status_code == 302

    made = key("second")
    pages = [
        operator_browser.get(f"/admin/chat/channelkey/{path}").content.decode() for path in ("", f"{made.pk}/change/")
    ]
    assert "…ount" in pages[0]
    for page in pages:
        assert SECOND not in page
        assert made.api_key_sealed not in page
    assert (rules.hint_of("sk-short"), rules.hint_of("x" * 15), rules.hint_of("x" * 16)) == ("", "", "xxxx")
    refused = operator_browser.post("/admin/chat/channelkey/add/", {**form, "name": "third", "api_key": "not a key"})
    assert list(refused.context["adminform"].form.errors) == ["api_key"]
    assert not ChannelKey.objects.filter(name="third").exists()
