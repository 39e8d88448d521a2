"""The official account's client: one token for everybody, one renewal, and every trouble named."""

import asyncio
import logging

import httpx2
import pytest
from django.conf import settings as live_settings
from django.core.cache import cache
from pytest_django.fixtures import Settings

from apps.accounts.gateways import official_account
from apps.kernel import http
from apps.kernel.event_loops import in_thread
from config.settings.base import caches
from tests.integration.accounts.wechat_server import WeChat, client
from tests.race.concurrency import run_concurrently

TOKEN, CREATE, OAUTH = "/cgi-bin/stable_token", "/cgi-bin/qrcode/create", "/sns/oauth2/access_token"
CODE = {"ticket": "TICKET", "expire_seconds": 300, "url": "http://weixin.qq.com/q/1"}


def make(account: official_account.OfficialAccount) -> official_account.QrCode:
    return account.create_qr(scene="login_x", seconds=300)


def test_the_token_is_fetched_once_and_kept_until_five_minutes_before_its_end() -> None:
    wechat = WeChat()
    assert make(client(wechat)).ticket == "TICKET-1"
    assert make(client(wechat)).ticket == "TICKET-2"  # another process
    assert wechat.calls == [TOKEN, CREATE, CREATE]
    seconds = cache.ttl(f"wechat:stable_token:{live_settings.WECHAT_OA['APP_ID']}")  # type: ignore[attr-defined]  # Redis has it
    assert 6890 <= seconds <= 6900


def test_twenty_cold_threads_fetch_one_token() -> None:
    wechat = WeChat(slowness=0.2)
    outcomes = run_concurrently(lambda: make(client(wechat)), workers=20)
    assert outcomes.errors == []
    assert wechat.times(TOKEN) == 1
    assert wechat.times(CREATE) == 20


async def test_async_code_calls_it_without_holding_up_its_loop() -> None:
    wechat = WeChat(slowness=0.2)
    call = asyncio.create_task(in_thread(make, client(wechat)))
    turns = 0
    while not call.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert (await call).ticket == "TICKET-1"
    assert turns > 3


@pytest.mark.parametrize("errcode", [40001, 40014, 42001])
def test_a_refused_token_is_renewed_once_and_the_call_repeated_once(errcode: int) -> None:
    wechat = WeChat(troubles={CREATE: [errcode, None]})
    assert make(client(wechat)).url
    assert wechat.calls == [TOKEN, CREATE, TOKEN, CREATE]


def test_a_token_that_somebody_else_replaced_is_found_again() -> None:
    wechat = WeChat()
    account = client(wechat)
    make(account)
    wechat.token = "TOKEN-2"
    outcomes = run_concurrently(lambda: make(account), workers=20)
    assert outcomes.errors == []
    assert wechat.times(TOKEN) == 2


def test_a_token_that_is_refused_for_ever_is_given_up_after_one_renewal() -> None:
    wechat = WeChat(troubles={CREATE: [40001]})
    with pytest.raises(official_account.TemporaryFailure):
        make(client(wechat))
    assert wechat.calls == [TOKEN, CREATE, TOKEN, CREATE]


@pytest.mark.parametrize(
    ("trouble", "failure"),
    [
        (-1, official_account.TemporaryFailure),
        (45009, official_account.TemporaryFailure),
        (48001, official_account.PermissionMissing),
        (40101, official_account.PermanentFailure),
        (httpx2.ReadTimeout("slow"), official_account.TemporaryFailure),
        (httpx2.ConnectError("away"), official_account.TemporaryFailure),
        (httpx2.Response(500), official_account.TemporaryFailure),
        (httpx2.Response(502, text="<html>"), official_account.TemporaryFailure),
        (httpx2.Response(302, headers={"Location": "https://evil.example"}), official_account.TemporaryFailure),
        (httpx2.Response(200, text="not json"), official_account.TemporaryFailure),
        (httpx2.Response(200, text="[]"), official_account.TemporaryFailure),
        (httpx2.Response(200, json={}), official_account.TemporaryFailure),
        (httpx2.Response(200, json={"ticket": 7, "url": None}), official_account.TemporaryFailure),
        (httpx2.Response(200, json=CODE | {"url": "https://evil.example/q/1"}), official_account.TemporaryFailure),
        (httpx2.Response(200, json=CODE | {"expire_seconds": 30}), official_account.TemporaryFailure),
        (httpx2.Response(200, json={"errcode": "odd"}), official_account.TemporaryFailure),
    ],
)
def test_each_trouble_has_a_name_and_is_not_repeated(trouble: object, failure: type[Exception]) -> None:
    wechat = WeChat(troubles={CREATE: [trouble]})
    with pytest.raises(failure):
        make(client(wechat))
    assert wechat.times(CREATE) == 1


@pytest.mark.parametrize("errcode", [40013, 40125, 40164, 40001])
def test_wrong_credentials_are_no_passing_trouble(errcode: int) -> None:
    wechat = WeChat(troubles={TOKEN: [errcode]})
    with pytest.raises(official_account.PermanentFailure):
        make(client(wechat))
    assert wechat.times(TOKEN) == 1


def test_without_redis_every_call_fetches_its_own_token(settings: Settings) -> None:
    settings.CACHES = caches("redis://127.0.0.1:1/0")
    wechat = WeChat()
    account = client(wechat)
    assert make(account).ticket == "TICKET-1"
    assert make(account).ticket == "TICKET-2"
    assert wechat.times(TOKEN) == 2


def test_the_follower_behind_an_oauth_code_is_told_once() -> None:
    wechat = WeChat(openids={"CODE": "oFollower0001"})
    account = client(wechat)
    assert account.openid_of(code="CODE") == "oFollower0001"
    with pytest.raises(official_account.PermanentFailure):
        account.openid_of(code="CODE")
    assert wechat.times(TOKEN) == 0


def test_nothing_secret_is_logged_or_told_by_an_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "apps")
    wechat = WeChat(openids={"CODE": "oFollower0001"})
    wechat.troubles = {CREATE: [httpx2.ReadTimeout("slow"), 45009, 40001], OAUTH: [httpx2.Response(500)]}
    account = client(wechat)
    told = []
    for _ in range(3):
        with pytest.raises(official_account.TemporaryFailure) as failure:
            make(account)
        assert failure.value.__cause__ is None
        told.append(str(failure.value))
    with pytest.raises(official_account.TemporaryFailure) as failure:
        account.openid_of(code="CODE")
    said = caplog.text + repr(account._config) + " ".join([*told, str(failure.value)])
    for secret in (wechat.token, live_settings.WECHAT_OA["APP_SECRET"], "oFollower0001", "CODE"):
        assert secret not in said


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(200, content=b"[" * 30_000),
        httpx2.Response(200, content=b"{}".ljust(http.MAX_BODY_BYTES + 1)),
        httpx2.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx2.ByteStream(b"no gzip at all")),
    ],
    ids=["deep", "long", "packed"],
)
def test_an_answer_beyond_all_measure_is_no_answer(answer: httpx2.Response) -> None:
    config = official_account.Config(app_id="wx-odd", app_secret="s", base_url="https://wechat.example")
    account = official_account.OfficialAccount(config, transport=httpx2.MockTransport(lambda request: answer))

    with pytest.raises(official_account.TemporaryFailure):
        make(account)
