"""What can be switched to go wrong, and how it then goes wrong."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.test import Client

from apps.kernel import clock
from apps.sandbox import gateways
from apps.sandbox.models import PhoneMessage
from apps.sandbox.rules import message_crypto, message_xml
from apps.sandbox.rules.faults import KINDS, Area
from apps.sandbox.services import faults, phone
from config import env, translations
from tests.integration.sandbox.conftest import Heard, Site
from tests.integration.sandbox.test_official_account import (
    ME,
    Press,
    call,
    credentials,
    message_of,
    qr,
    replying,
    stable_token,
)


def switch(name: str, **times: int) -> Any:
    answer = Client().post("/sandbox/faults", {"name": name, **times}, content_type="application/json")
    assert answer.status_code == 201, answer.content
    return answer.json()


def are_on() -> dict[str, int | None]:
    return {each["name"]: each["times_left"] for each in Client().get("/sandbox/faults").json() if each["is_on"]}


@pytest.fixture(params=["plain", "safe"])
def mode(request: pytest.FixtureRequest, settings: Any) -> str:
    settings.WECHAT_OA = {**settings.WECHAT_OA, "MODE": request.param}
    return str(request.param)


@pytest.mark.django_db
def test_every_fault_of_the_list_is_there_in_both_languages() -> None:
    chinese = translations.joined()
    for kind in KINDS:
        assert all(chinese.get(text) is not None for text in (kind.title, kind.description)), kind.name
    listed = Client().get("/sandbox/faults", headers={"Accept-Language": "en"}).json()
    assert [each["title"] for each in listed] == [kind.title for kind in KINDS]


def test_developers_find_every_fault_in_the_order_of_striking() -> None:
    page = (env.ROOT / "docs" / "sandbox.md").read_text()

    assert re.findall(r"^\|.*\| `([\w-]+)` \| [^|]+ \|$", page, re.MULTILINE) == [kind.name for kind in KINDS]


@pytest.mark.django_db
def test_a_fault_is_switched_on_and_off() -> None:
    client = Client()

    assert switch("dup", times=2)["times_left"] == 2
    switch("quota")
    assert are_on() == {"dup": 2, "quota": None}
    switch("dup", times=5)
    assert client.delete("/sandbox/faults?name=quota").status_code == 204
    assert are_on() == {"dup": 5}
    assert client.delete("/sandbox/faults", {"name": "dup"}, content_type="application/json").status_code == 204
    assert are_on() == {}
    for name in ("busy", "timeout"):
        switch(name)
    assert client.delete("/sandbox/faults").status_code == 204
    assert are_on() == {}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": "flood"}, 404, "unknown_fault"),
        ({"name": "dup", "times": 0}, 400, "validation_failed"),
        ({"name": "dup", "for": 3}, 400, "validation_failed"),
    ],
)
def test_what_is_no_fault_cannot_be_switched_on(body: dict[str, Any], status: int, code: str) -> None:
    answer = Client().post("/sandbox/faults", body, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("path", ["/sandbox/faults", "/sandbox/account", "/sandbox/wechat/connect/oauth2/authorize"])
def test_the_switches_are_out_of_other_machines_reach(path: str, db: None) -> None:
    assert Client(REMOTE_ADDR="10.0.0.7").get(path).status_code == 403


@pytest.mark.django_db
def test_a_fault_strikes_as_often_as_it_was_told() -> None:
    faults.switch_on(name="dup", times=2, now=clock.now())
    faults.switch_on(name="busy", times=None, now=clock.now())

    assert [faults.take(area=Area.CALLBACK) for _ in range(3)] == ["dup", "dup", ""]
    assert [faults.take(area=Area.ACCOUNT_API) for _ in range(3)] == ["busy"] * 3
    assert faults.take(area=Area.ACCOUNT_API, among=["timeout"]) == ""


def query_of(heard: Heard) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(heard.path).query).items()}


def test_dup_delivers_one_message_twice(mode: str, press: Press, site_heard: Site) -> None:
    site_heard.answer = replying("one and the same")
    switch("dup", times=1)

    told = press(ME, "text", content="登录")

    assert (told["fault"], told["replies"]) == ("dup", ["one and the same"])
    assert [each["reply"] for each in told["callbacks"]] == ["one and the same"] * 2
    assert len({message_of(heard)["MsgId"] for heard in site_heard.heard}) == 1
    assert len(site_heard.heard) == 2


def test_slow_client_hangs_up_and_sends_the_same_again(
    press: Press, site_heard: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateways, "_PATIENCE_SECONDS", 0.2)
    site_heard.answer = replying("again")
    switch("slow_client", times=1)

    told = press(ME, "text", content="登录")

    assert [(each["status"], each["reply"]) for each in told["callbacks"]] == [(None, None), (200, "again")]
    assert told["callbacks"][0]["milliseconds"] >= 200
    assert told["replies"] == ["again"]
    assert len({message_of(heard)["MsgId"] for heard in site_heard.heard}) == 1


def test_a_forged_message_is_signed_by_a_stranger(mode: str, press: Press, site_heard: Site) -> None:
    site_heard.answer = lambda heard: (403, b"")
    switch("bad_signature", times=1)

    assert press(ME, "text", content="登录")["replies"] == [phone.OUT_OF_SERVICE]

    [heard] = site_heard.heard
    query, token = query_of(heard), settings.WECHAT_OA["TOKEN"]
    assert query["signature"] != message_crypto.signature(token, query["timestamp"], query["nonce"])
    if mode == "safe":
        sealed = message_xml.parse(heard.body)["Encrypt"]
        assert query["msg_signature"] != message_crypto.signature(token, query["timestamp"], query["nonce"], sealed)


def test_an_old_message_is_signed_correctly_ten_minutes_ago(press: Press, site_heard: Site) -> None:
    switch("stale_timestamp", times=1)

    press(ME, "text", content="登录")

    [heard] = site_heard.heard
    assert message_of(heard)["Content"] == "登录"
    assert 590 < clock.now().timestamp() - int(query_of(heard)["timestamp"]) < 700


def test_bad_msg_signature_spoils_only_the_signature_over_the_ciphertext(
    mode: str, press: Press, site_heard: Site
) -> None:
    switch("bad_msg_signature", times=1)

    press(ME, "text", content="登录")

    [heard] = site_heard.heard
    query, account = query_of(heard), settings.WECHAT_OA
    signed = (account["TOKEN"], query["timestamp"], query["nonce"])
    sealed = message_xml.parse(heard.body)["Encrypt"]
    assert query["signature"] == message_crypto.signature(*signed)
    assert query["msg_signature"] != message_crypto.signature(*signed, sealed)
    assert message_crypto.decrypt(sealed, aes_key=account["AES_KEY"], app_id=account["APP_ID"])


def test_wrong_appid_inside_is_signed_and_encrypted_with_our_keys(mode: str, press: Press, site_heard: Site) -> None:
    switch("wrong_appid_inside", times=1)

    press(ME, "text", content="登录")

    with pytest.raises(message_crypto.NotDecryptable, match="app id"):
        message_of(site_heard.heard[0])


@pytest.mark.parametrize("fault", ["malformed_xml", "entity_bomb"])
def test_a_spoilt_message_is_signed_and_unreadable(fault: str, mode: str, press: Press, site_heard: Site) -> None:
    switch(fault, times=1)

    press(ME, "text", content="登录")

    with pytest.raises(message_xml.NotXml):
        message_of(site_heard.heard[0])


@pytest.mark.parametrize("fault", [kind.name for kind in KINDS if kind.area is Area.CALLBACK])
def test_after_the_fault_all_is_well(
    fault: str, press: Press, site_heard: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateways, "_PATIENCE_SECONDS", 0.2)
    switch(fault, times=1)
    press(ME, "text", content="登录")
    site_heard.heard.clear()

    told = press(ME, "text", content="登录")

    assert (told["fault"], len(told["callbacks"])) == ("", 1)
    assert message_of(site_heard.heard[0])["Content"] == "登录"


def test_an_expired_ticket_tells_the_site_nothing(press: Press, site_heard: Site) -> None:
    ticket = call("qrcode/create", qr(), access_token=stable_token())
    switch("expired_ticket", times=1)

    assert press(ME, "scan", status=409, content=ticket["url"])["code"] == "code_expired"

    assert site_heard.heard == []
    assert PhoneMessage.objects.get().direction == "notice"


@pytest.mark.django_db
def test_a_scan_can_overtake_the_answer_that_made_the_code(press: Press, site_heard: Site) -> None:
    press(ME, "follow")
    site_heard.heard.clear()
    scans: list[dict[str, str]] = []

    def note(heard: Heard) -> tuple[int, bytes]:
        scans.append(message_of(heard))
        return 200, b"success"

    site_heard.answer = note
    switch("out_of_order", times=1)

    ticket = call("qrcode/create", qr(), access_token=stable_token())

    assert [(scan["Event"], scan["EventKey"], scan["Ticket"]) for scan in scans] == [
        ("SCAN", "login_7f3a", ticket["ticket"])
    ]
    assert press(ME, "confirm", content=ticket["url"])["fault"] == ""


@pytest.mark.django_db
def test_without_a_follower_nobody_scans_early(site_heard: Site) -> None:
    switch("out_of_order", times=1)

    assert "ticket" in call("qrcode/create", qr(), access_token=stable_token())
    assert site_heard.heard == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fault", "errcode"),
    [
        ("token_invalid", 40001),
        ("token_invalid_forever", 40001),
        ("quota", 45009),
        ("no_permission", 48001),
        ("busy", -1),
    ],
)
def test_the_account_s_api_refuses(fault: str, errcode: int) -> None:
    token = stable_token()
    switch(fault, times=1)

    assert call("qrcode/create", qr(), access_token=token)["errcode"] == errcode
    assert "ticket" in call("qrcode/create", qr(), access_token=token)


@pytest.mark.django_db
def test_a_bad_token_does_not_hinder_getting_a_new_one() -> None:
    switch("token_invalid_forever")

    assert call("qrcode/create", qr(), access_token=stable_token())["errcode"] == 40001
    assert call("qrcode/create", qr(), access_token=stable_token(force_refresh=True))["errcode"] == 40001


@pytest.mark.django_db
@pytest.mark.parametrize("fault", ["http500", "timeout"])
def test_the_account_s_api_breaks(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("apps.sandbox.services.api_faults.time.sleep", waited.append)
    switch(fault, times=1)

    answer = Client().post("/sandbox/wechat/cgi-bin/stable_token", credentials(), content_type="application/json")

    assert answer.status_code == 500
    assert answer.content.startswith(b"<html>")
    assert waited == ([10.0] if fault == "timeout" else [])
