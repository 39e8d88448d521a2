"""The official account's API, and the callbacks it sends."""

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.test import Client
from pytest_django.fixtures import Settings

from apps.kernel import clock
from apps.sandbox.models import AccessToken, Notification, PhoneMessage, Ticket
from apps.sandbox.rules import message_crypto, message_xml
from apps.sandbox.services import phone
from tests.integration.sandbox.conftest import Heard, Site

Press = Callable[..., Any]
ME = "oDemoMember1"


def call(path: str, body: dict[str, Any] | None = None, **query: str) -> Any:
    url = f"/sandbox/wechat/cgi-bin/{path}"
    if body is None:
        answer = Client().get(url, query)
    else:
        answer = Client().post(url, body, content_type="application/json", query_params=query)
    assert answer.status_code == 200
    return answer.json()


def credentials(**changes: Any) -> dict[str, Any]:
    account = settings.WECHAT_OA
    return {
        "grant_type": "client_credential",
        "appid": account["APP_ID"],
        "secret": account["APP_SECRET"],
        **changes,
    }


def stable_token(**changes: Any) -> str:
    return str(call("stable_token", credentials(**changes))["access_token"])


def qr(seconds: int = 300, scene: str = "login_7f3a") -> dict[str, Any]:
    return {
        "expire_seconds": seconds,
        "action_name": "QR_STR_SCENE",
        "action_info": {"scene": {"scene_str": scene}},
    }


def replying(content: str) -> Callable[[Heard], tuple[int, bytes]]:
    """A site that answers every message with this text, encrypted where the message was."""

    def answer(heard: Heard) -> tuple[int, bytes]:
        account = settings.WECHAT_OA
        fields = message_of(heard)
        reply = message_xml.render(
            {
                "ToUserName": fields["FromUserName"],
                "FromUserName": fields["ToUserName"],
                "CreateTime": 1700000000,
                "MsgType": "text",
                "Content": content,
            }
        )
        if "encrypt_type=aes" in heard.path:
            sealed = message_crypto.encrypt(
                reply.encode(), aes_key=account["AES_KEY"], app_id=account["APP_ID"], random=secrets.token_bytes(16)
            )
            signature = message_crypto.signature(account["TOKEN"], "1700000000", "n", sealed)
            reply = message_xml.render(
                {"Encrypt": sealed, "MsgSignature": signature, "TimeStamp": 1700000000, "Nonce": "n"}
            )
        return 200, reply.encode()

    return answer


def message_of(heard: Heard) -> dict[str, str]:
    """The message inside a callback, its signature checked."""
    account = settings.WECHAT_OA
    query = {name: values[0] for name, values in parse_qs(urlsplit(heard.path).query).items()}
    assert query["signature"] == message_crypto.signature(account["TOKEN"], query["timestamp"], query["nonce"])
    fields = message_xml.parse(heard.body)
    if query.get("encrypt_type") != "aes":
        return fields
    assert query["msg_signature"] == message_crypto.signature(
        account["TOKEN"], query["timestamp"], query["nonce"], fields["Encrypt"]
    )
    return message_xml.parse(
        message_crypto.decrypt(fields["Encrypt"], aes_key=account["AES_KEY"], app_id=account["APP_ID"])
    )


def card_of(openid: str) -> Any:
    """The scanned login under the newest reply that has one."""
    lines = Client().get(f"/sandbox/phone/{openid}").json()["lines"]
    return [line["login"] for line in lines if line["login"]][-1]


@pytest.mark.django_db
def test_the_stable_token_stays_until_it_is_forced_or_nearly_over() -> None:
    first = stable_token()

    assert stable_token() == first
    forced = stable_token(force_refresh=True)
    assert forced != first
    assert call("user/info", access_token=first, openid=ME)["errcode"] == 42001
    AccessToken.objects.update(expires_at=clock.now() + timedelta(minutes=4))
    assert stable_token() != forced


@pytest.mark.django_db
def test_the_ordinary_token_is_new_each_time() -> None:
    first, second = (call("token", **credentials()) for _ in range(2))

    assert first["access_token"] != second["access_token"]
    assert first["expires_in"] == 7200


@pytest.mark.django_db
@pytest.mark.parametrize(("changes", "errcode"), [({"appid": "wx0"}, 40013), ({"secret": "guess"}, 40125)])
def test_wrong_credentials_get_no_token(changes: dict[str, str], errcode: int) -> None:
    assert call("stable_token", credentials(**changes))["errcode"] == errcode
    assert not AccessToken.objects.exists()


@pytest.mark.django_db
def test_a_call_without_a_living_token_is_refused() -> None:
    assert call("qrcode/create", qr(), access_token="made up")["errcode"] == 40001
    assert not Ticket.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "body",
    [qr(seconds=0), qr(seconds=2_592_001), qr(scene=""), qr(scene="x" * 65), {**qr(), "action_name": "QR_SCENE"}],
)
def test_a_qr_code_needs_a_scene_and_a_life(body: dict[str, Any]) -> None:
    assert call("qrcode/create", body, access_token=stable_token())["errcode"] != 0


def test_a_followers_info_names_nobody(press: Press) -> None:
    press(ME, "follow")
    info = call("user/info", access_token=stable_token(), openid=ME)

    assert (info["subscribe"], info["openid"], info["nickname"]) == (1, ME, "")
    press(ME, "unfollow")
    assert call("user/info", access_token=stable_token(), openid=ME) == {"subscribe": 0, "openid": ME}


@pytest.mark.parametrize("mode", ["plain", "compatible", "safe"])
def test_a_text_reaches_the_site_signed_and_its_reply_the_phone(
    mode: str, settings: Any, press: Press, site_heard: Site
) -> None:
    settings.WECHAT_OA = {**settings.WECHAT_OA, "MODE": mode}
    site_heard.answer = replying("你的登录码是 7KQ2MX ]]> <好>")

    answer = press(ME, "text", content="登录")

    assert answer["replies"] == ["你的登录码是 7KQ2MX ]]> <好>"]
    [heard] = site_heard.heard
    message = message_of(heard)
    assert (message["FromUserName"], message["MsgType"], message["Content"]) == (ME, "text", "登录")
    assert (b"Content" in heard.body) == (mode != "safe")
    assert list(PhoneMessage.objects.order_by("id").values_list("direction", "text")) == [
        ("sent", "登录"),
        ("reply", "你的登录码是 7KQ2MX ]]> <好>"),
    ]


def test_follow_and_unfollow_are_events_without_a_message_id(press: Press, site_heard: Site) -> None:
    site_heard.answer = replying("欢迎")

    assert press(ME, "follow")["replies"] == ["欢迎"]
    assert press(ME, "unfollow")["replies"] == []

    followed, unfollowed = (message_of(heard) for heard in site_heard.heard)
    assert (followed["Event"], followed["EventKey"], unfollowed["Event"]) == ("subscribe", "", "unsubscribe")
    assert "MsgId" not in followed


def test_a_login_code_is_scanned_by_a_stranger_and_then_by_a_follower(press: Press, site_heard: Site) -> None:
    ticket = call("qrcode/create", qr(), access_token=stable_token())

    first = press(ME, "scan", content=ticket["url"])
    press(ME, "scan", content=ticket["url"])

    assert (first["kind"], first["replies"]) == ("login", [])
    as_stranger, as_follower = (message_of(heard) for heard in site_heard.heard)
    assert (as_stranger["Event"], as_stranger["EventKey"]) == ("subscribe", "qrscene_login_7f3a")
    assert (as_follower["Event"], as_follower["EventKey"]) == ("SCAN", "login_7f3a")
    assert as_stranger["Ticket"] == as_follower["Ticket"] == ticket["ticket"]


@pytest.mark.parametrize(("answer", "words"), [("confirm", "确认登录"), ("refuse", "取消")])
def test_a_scanned_login_is_answered_by_the_phone_that_scanned_it(
    answer: str, words: str, press: Press, site_heard: Site
) -> None:
    ticket = call("qrcode/create", qr(), access_token=stable_token())
    site_heard.answer = replying("有人要登录")
    press(ME, "scan", content=ticket["url"])
    assert card_of(ME) == {"content": ticket["url"], "state": "open"}

    assert press("oSomebody", "confirm", status=404, content=ticket["url"])["code"] == "nothing_to_confirm"
    press(ME, "confirm", content=ticket["url"], answer=answer)

    message = message_of(site_heard.heard[-1])
    assert (message["Content"], message["bizmsgmenuid"]) == (words, "login_7f3a")
    assert card_of(ME)["state"] == answer


def test_to_confirm_the_phone_sends_the_number_that_the_page_shows(press: Press, site_heard: Site) -> None:
    ticket = call("qrcode/create", qr(), access_token=stable_token())
    press(ME, "scan", content=ticket["url"])

    press(ME, "confirm", content=ticket["url"], number="47")

    message = message_of(site_heard.heard[-1])
    assert (message["Content"], message["bizmsgmenuid"]) == ("47", "login_7f3a")


def test_a_program_that_knows_no_number_sends_the_one_of_the_scene(press: Press, site_heard: Site) -> None:
    ticket = call("qrcode/create", qr(scene="login_7f3a_47"), access_token=stable_token())
    press(ME, "scan", content=ticket["url"])

    press(ME, "confirm", content=ticket["url"])

    assert message_of(site_heard.heard[-1])["Content"] == "47"


def test_a_link_can_be_pressed_again(press: Press, site_heard: Site) -> None:
    ticket = call("qrcode/create", qr(), access_token=stable_token())
    press(ME, "scan", content=ticket["url"])

    press(ME, "confirm", content=ticket["url"])
    press(ME, "confirm", content=ticket["url"])

    first, second = (message_of(heard) for heard in site_heard.heard[1:])
    assert first["MsgId"] != second["MsgId"]


def test_a_code_scanned_by_two_phones_makes_two_cards(press: Press, site_heard: Site) -> None:
    ticket = call("qrcode/create", qr(), access_token=stable_token())
    site_heard.answer = replying("有人要登录")
    for openid in (ME, "oSomebody"):
        press(openid, "scan", content=ticket["url"])

    press("oSomebody", "confirm", content=ticket["url"], answer="refuse")

    assert (card_of(ME)["state"], card_of("oSomebody")["state"]) == ("open", "refuse")


def test_an_expired_or_unknown_code_tells_the_site_nothing(press: Press, site_heard: Site) -> None:
    ticket = call("qrcode/create", qr(), access_token=stable_token())
    Ticket.objects.update(expires_at=clock.now())

    assert press(ME, "scan", status=409, content=ticket["url"])["code"] == "code_expired"
    assert press(ME, "scan", status=404, content="http://weixin.qq.com/q/nothing")["code"] == "unknown_code"
    assert site_heard.heard == []
    assert "过期" in PhoneMessage.objects.get(direction="notice").text


@pytest.mark.parametrize(
    "answer",
    [
        (200, b'{"reply": "json"}'),
        (200, b"<xml><MsgType>text</MsgType></xml>"),
        (403, b""),
    ],
)
def test_an_answer_that_is_no_reply_puts_the_account_out_of_service(
    answer: tuple[int, bytes], press: Press, site_heard: Site
) -> None:
    site_heard.answer = lambda heard: answer

    assert press(ME, "text", content="hi")["replies"] == [phone.OUT_OF_SERVICE]
    assert len(site_heard.heard) == 1


def test_a_broken_site_is_asked_three_times_with_the_same_message(press: Press, site_heard: Site) -> None:
    site_heard.answer = lambda heard: (500, b"")

    assert press(ME, "text", content="hi")["replies"] == [phone.OUT_OF_SERVICE]
    assert len(site_heard.heard) == 3
    assert len({message_of(heard)["MsgId"] for heard in site_heard.heard}) == 1


def test_a_reply_with_a_wrong_signature_is_not_shown_in_safe_mode(
    settings: Any, press: Press, site_heard: Site
) -> None:
    settings.WECHAT_OA = {**settings.WECHAT_OA, "MODE": "safe"}
    good = replying("hello")
    site_heard.answer = lambda heard: (200, good(heard)[1].replace(b"<Nonce><![CDATA[n", b"<Nonce><![CDATA[m"))

    assert press(ME, "text", content="hi")["replies"] == [phone.OUT_OF_SERVICE]


def test_a_service_message_reaches_only_followers(press: Press) -> None:
    message = {"touser": ME, "msgtype": "text", "text": {"content": "Your prize is here"}}
    token = stable_token()

    assert call("message/custom/send", message, access_token=token)["errcode"] == 40003
    press(ME, "follow")
    assert call("message/custom/send", message, access_token=token)["errcode"] == 0
    shown = Client().get(f"/sandbox/phone/{ME}").json()["lines"]
    assert (shown[-1]["direction"], shown[-1]["text"]) == ("service", "Your prize is here")


@pytest.mark.parametrize("address", ["192.168.1.5", "8.8.8.8", "", "::ffff:10.0.0.1"])
def test_the_phone_is_not_lent_to_other_machines(address: str, db: None) -> None:
    client = Client(REMOTE_ADDR=address)

    for answer in (client.post(f"/sandbox/phone/{ME}/follow"), client.get("/sandbox/phone/")):
        assert answer.status_code == 403
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "loopback_only"
    assert not PhoneMessage.objects.exists()


def test_the_phone_is_off_where_the_site_has_a_public_name(db: None, settings: Settings) -> None:
    settings.SANDBOX_IS_PUBLISHED = True
    browser = Client()

    for path in ("/sandbox/", "/sandbox/phone/", "/sandbox/faults", "/sandbox/wechat/connect/oauth2/authorize"):
        assert browser.get(path).status_code == 403, path
    assert browser.post(f"/sandbox/phone/{ME}/follow").status_code == 403


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "Via", "CF-Connecting-IP"])
def test_the_phone_is_not_lent_through_a_proxy(db: None, header: str) -> None:
    assert Client().get("/sandbox/phone/", headers={header: "1.1 tunnel"}).status_code == 403


def test_the_phone_is_not_lent_to_other_sites(db: None) -> None:
    answer = Client().post(f"/sandbox/phone/{ME}/follow", headers={"Origin": "https://evil.example"})

    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("button", "body"),
    [
        ("text", {}),
        ("text", {"content": "x", "surprise": 1}),
        ("pay", {"content": "x", "outcome": "maybe"}),
        ("pay", {"content": "x", "notify": "normal", "times": 0}),
    ],
)
def test_a_button_pressed_wrongly_is_a_problem(button: str, body: dict[str, Any], press: Press) -> None:
    problem = press(ME, button, status=400, **body)

    assert problem["code"] == "validation_failed"
    assert not Notification.objects.exists()
