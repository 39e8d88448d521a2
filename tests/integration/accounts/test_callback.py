"""The official account's callback: only WeChat is heard, every message once, every retry with the same reply."""

import logging
import re
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.conf import settings as live_settings
from django.db import OperationalError, connection
from django.test import Client
from django.utils.translation import gettext
from pytest_django.fixtures import Settings
from wechatpy.crypto import WeChatCrypto

from apps.accounts import services
from apps.accounts.contracts import Command
from apps.accounts.errors import MemberFrozen
from apps.accounts.models import CallbackMessage, LoginCode, UsedSignature, User, WeChatIdentity
from apps.accounts.services import replies
from apps.kernel import clock
from tests.cast import Phone, signed_query

pytestmark = pytest.mark.django_db

TEXT = "<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[{}]]></Content><MsgId>{}</MsgId>"


def seconds(**ago: int) -> int:
    return int((clock.now() - timedelta(**ago)).timestamp())


def message(inner: str, openid: str = "oFollower0001", account: str = "gh_chatloop_demo") -> bytes:
    return (
        f"<xml><ToUserName><![CDATA[{account}]]></ToUserName><FromUserName><![CDATA[{openid}]]></FromUserName>"
        f"<CreateTime>{seconds()}</CreateTime>{inner}</xml>"
    ).encode()


LOGIN = TEXT.format("登录", 7001)


def send(body: bytes, query: str | None = None) -> Any:
    query = signed_query(seconds()) if query is None else query
    return Client().post(f"/wechat/callback?{query}", body, content_type="text/xml")


def nothing_happened() -> bool:
    return not (CallbackMessage.objects.exists() or WeChatIdentity.objects.exists() or LoginCode.objects.exists())


# --- only WeChat is heard


def test_verification_answers_the_echo_of_a_signed_request() -> None:
    answer = Client().get(f"/wechat/callback?{signed_query(seconds())}&echostr=4375120948345356249")
    assert (answer.status_code, answer.content) == (200, b"4375120948345356249")
    assert answer["Content-Type"] == "text/plain"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "query",
    [
        lambda: "",
        lambda: f"timestamp={seconds()}&nonce=x&signature=",
        lambda: f"timestamp={seconds()}&nonce=x&signature={'0' * 40}",
        lambda: f"timestamp={seconds()}&nonce=x&signature=%E7%AD%BE",
        lambda: signed_query(seconds()) + "9",
        lambda: signed_query(seconds(seconds=301)),
        lambda: signed_query(seconds(seconds=-330)),  # a slow machine must not make it the present
        lambda: f"{signed_query(seconds())}&timestamp=x",
    ],
    ids=["none", "empty", "wrong", "not ascii", "changed", "stale", "from the future", "not a time"],
)
def test_a_forged_or_stale_request_changes_nothing(
    method: str, query: Callable[[], str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "apps.accounts")
    address = f"/wechat/callback?{query()}&echostr=x"
    answer = Client().get(address) if method == "GET" else send(message(LOGIN), query())
    assert (answer.status_code, answer.content) == (403, b"forbidden")
    assert nothing_happened()
    assert "refused" in caplog.text
    assert "oFollower0001" not in caplog.text


def test_a_signature_that_was_used_is_worth_nothing_for_another_message() -> None:
    query = signed_query(seconds())
    assert send(message(LOGIN), query).status_code == 200
    codes = list(LoginCode.objects.values_list("code_hash"))
    stolen = send(message(TEXT.format("登录", 7002), openid="oVictim"), query)
    assert stolen.status_code == 403
    assert list(LoginCode.objects.values_list("code_hash")) == codes
    assert not WeChatIdentity.objects.filter(openid="oVictim").exists()


def test_the_sender_is_who_the_xml_names_not_the_query() -> None:
    send(message(LOGIN, openid="oReal"), f"{signed_query(seconds())}&openid=oVictim")
    assert list(WeChatIdentity.objects.values_list("openid", flat=True)) == ["oReal"]


def test_a_message_for_another_account_is_refused_though_the_token_is_ours(caplog: pytest.LogCaptureFixture) -> None:
    assert send(message(LOGIN, account="gh_another")).status_code == 403
    assert nothing_happened()
    assert "account" in caplog.text


def test_other_methods_and_large_bodies_are_refused() -> None:
    assert Client().put("/wechat/callback").status_code == 405
    assert send(b"<xml>" + b"x" * 70_000).status_code == 413
    assert nothing_happened()


# --- what is not a message we know


UNREADABLE = {
    "nothing": b"",
    "no XML": b"not xml",
    "cut off": b"<xml>",
    "empty": b"<xml/>",
    "only text": b"<xml>text</xml>",
    "another root": b"<other><MsgType>text</MsgType></other>",
    "a kind alone": b"<xml><MsgType>text</MsgType></xml>",
    "bytes": b"\xff\xfe\x00",
    "unknown encoding": b'<?xml version="1.0" encoding="nope"?><xml/>',
    "deep": b"<xml>" + b"<a>" * 10_000,
    "empty kind": message("<MsgType></MsgType>"),
    "two kinds": message("<MsgType>text</MsgType><MsgType>text</MsgType>"),
    "two senders": message("<FromUserName>oVictim</FromUserName>" + LOGIN),
    "id not a number": message(TEXT.format("登录", "x")),
    "sender with tags": message(LOGIN, openid="o<b>x</b>"),
    "time too long": message(LOGIN).replace(b"<CreateTime>", b"<CreateTime>9999999999999999999"),
    "entity bomb": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    + message(TEXT.format("&b;&b;&b;&b;", 1)),
    "a file": b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>' + message(TEXT.format("&f;", 1)),
}


# Named: the bytes hold the time, and test workers must agree on the names.
@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_acknowledged_and_ignored(body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    answer = send(body)
    assert (answer.status_code, answer.content) == (200, b"success")
    assert nothing_happened()
    assert "Traceback" not in caplog.text
    assert "oVictim" not in caplog.text


@pytest.mark.parametrize(
    "inner",
    [
        "<MsgType><![CDATA[from_the_future]]></MsgType><MsgId>1</MsgId>",
        "<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[VIEW]]></Event><EventKey>http://x</EventKey>",
        "<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[FROM_THE_FUTURE]]></Event>",
        "<MsgType><![CDATA[event]]></MsgType>",
    ],
)
def test_unknown_kinds_are_acknowledged(inner: str) -> None:
    answer = send(message(inner))
    assert (answer.status_code, answer.content) == (200, b"success")
    assert not LoginCode.objects.exists()


@pytest.mark.parametrize(
    "inner",
    [
        "<MsgType>image</MsgType><PicUrl>x</PicUrl><MediaId>1</MediaId><MsgId>1</MsgId>",
        "<MsgType>voice</MsgType><MediaId>1</MediaId><Format>amr</Format><MsgId>1</MsgId>",
        "<MsgType>video</MsgType><MediaId>1</MediaId><ThumbMediaId>1</ThumbMediaId><MsgId>1</MsgId>",
        "<MsgType>location</MsgType><Location_X>1</Location_X><Location_Y>1</Location_Y><Scale>1</Scale>"
        "<Label>x</Label><MsgId>1</MsgId>",
        "<MsgType>link</MsgType><Title>x</Title><Description>x</Description><Url>x</Url><MsgId>1</MsgId>",
    ],
)
def test_what_a_person_sends_and_we_cannot_read_gets_a_hint(inner: str, phone: Phone) -> None:
    assert "登录" in phone.post(inner).content.decode()


def test_an_item_of_the_menu_is_the_word_behind_it(phone: Phone) -> None:
    click = "<MsgType>event</MsgType><Event>CLICK</Event><EventKey>{}</EventKey>"
    assert re.search("[0-9A-Z]{6}", phone.post(click.format("登录")).content.decode())
    assert LoginCode.objects.count() == 1
    assert "登录" in phone.post(click.format("something of long ago")).content.decode()


@pytest.mark.parametrize(
    "key", ["scanbarcode|ean13|690|x", "scanimage|x|y", "qrscene_poster_2026", "qrscene_123", "", "1"]
)
def test_whatever_leads_to_the_account_a_follow_is_a_follow(key: str, phone: Phone) -> None:
    event = f"<MsgType>event</MsgType><Event>subscribe</Event><EventKey><![CDATA[{key}]]></EventKey>"
    assert "欢迎" in phone.post(event).content.decode()
    assert WeChatIdentity.objects.get().is_following
    assert "失效" not in phone.scan(scene="poster_2026")


# --- every message once


def test_a_retry_gets_the_same_reply_and_the_same_code() -> None:
    body = message(LOGIN)
    # All but the second in which each was sent.
    first, second, third = (re.sub(rb"<CreateTime>\d+</CreateTime>", b"", send(body).content) for _ in range(3))
    assert first == second == third != b"success"
    assert CallbackMessage.objects.count() == LoginCode.objects.count() == 1


def test_the_same_message_id_of_another_sender_is_another_message() -> None:
    mine, theirs = send(message(LOGIN, openid="oOne")), send(message(LOGIN, openid="oTwo"))
    assert mine.content != theirs.content
    assert LoginCode.objects.count() == 2


def test_a_repeated_event_acts_once(phone: Phone) -> None:
    at = clock.now()
    assert phone.follow(now=at) == phone.follow(now=at) != ""
    assert CallbackMessage.objects.count() == 1


def test_following_and_unfollowing_are_remembered_and_a_late_event_changes_nothing(phone: Phone) -> None:
    at = clock.now() - timedelta(seconds=10)
    for follower in (phone, Phone("oStays")):
        follower.follow(now=at)
    assert WeChatIdentity.objects.filter(is_following=True).count() == 2
    assert phone.unfollow(now=at + timedelta(seconds=5)) == ""
    phone.follow(scene="login_1", now=at + timedelta(seconds=2))
    assert WeChatIdentity.objects.get(is_following=True).openid == "oStays"


def test_an_event_of_the_future_does_not_outdate_what_follows(phone: Phone) -> None:
    ahead = message("<MsgType>event</MsgType><Event>subscribe</Event>", openid=phone.openid).replace(
        str(seconds()).encode(), b"253402300799"
    )
    assert send(ahead).status_code == 200
    assert WeChatIdentity.objects.get().is_following
    phone.unfollow(now=clock.now() + timedelta(seconds=2))
    assert not WeChatIdentity.objects.get().is_following


def test_neither_sender_nor_content_nor_code_lies_in_the_records(phone: Phone) -> None:
    code = phone.login_code()
    record = CallbackMessage.objects.get()
    used = UsedSignature.objects.get()
    hashes = f"{record.dedupe_key} {used.signature_hash} {used.use_hash} {LoginCode.objects.get().code_hash}"
    kept = f"{hashes} {record.reply_sealed}"
    assert code not in kept
    assert phone.openid not in kept
    assert "登录" not in kept


def test_old_records_are_forgotten(phone: Phone) -> None:
    phone.login_code()
    services.forget_old_messages(now=clock.now() + timedelta(hours=23))
    assert CallbackMessage.objects.exists()
    services.forget_old_messages(now=clock.now() + timedelta(hours=25))
    assert not CallbackMessage.objects.exists()


# --- replies


def test_a_follower_learns_how_to_sign_in(phone: Phone) -> None:
    for reply in (phone.follow(), phone.text("帮助"), phone.text("what?")):
        assert "登录" in reply
    assert not User.objects.exists()


def test_another_app_can_answer_a_command(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replies, "_handlers", dict(replies._handlers))
    heard: list[Command] = []

    def tide(command: Command) -> str:
        heard.append(command)
        return "涨潮 ]]> <b>&amp;"

    services.register_command(["潮汐"], tide)
    assert phone.text("潮汐。") == "涨潮 ]]> <b>&amp;"
    assert heard[0].user_id is None
    member = services.register_member(openid=phone.openid, now=clock.now())
    phone.text("潮汐")
    assert heard[1].user_id == member.id
    with pytest.raises(ValueError, match="taken"):
        services.register_command(["登录"], tide)


def test_a_refused_command_says_why_and_leaves_nothing(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replies, "_handlers", dict(replies._handlers))

    def refusing(command: Command) -> str:
        services.register_member(openid="oSomebodyElse", now=command.now)
        raise MemberFrozen()

    services.register_command(["潮汐"], refusing)
    assert phone.text("潮汐") == gettext(MemberFrozen.title)
    assert not User.objects.exists()


def test_a_failing_command_undoes_its_work_and_says_so(
    phone: Phone, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(replies, "_handlers", dict(replies._handlers))

    def broken(command: Command) -> str:
        raise RuntimeError(phone.openid)

    services.register_command(["潮汐"], broken)
    assert phone.text("潮汐") == replies.busy()
    assert nothing_happened()
    assert "RuntimeError" in caplog.text
    assert phone.openid not in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_database_that_does_not_answer_gets_a_reply_and_no_retry_storm(phone: Phone) -> None:
    with mock.patch.object(connection, "ensure_connection", side_effect=OperationalError):
        reply = phone.text("登录")
    assert reply
    assert nothing_happened()
    assert phone.login_code()


# --- modes


def encrypted(body: bytes, *, app_id: str = "", key: str = "", nonce: str = "") -> tuple[bytes, str]:
    account = live_settings.WECHAT_OA
    crypto = WeChatCrypto(account["TOKEN"], key or account["AES_KEY"], app_id or account["APP_ID"])
    at, nonce = seconds(), nonce or secrets.token_hex(6)
    xml = crypto.encrypt_message(body.decode(), nonce, str(at))
    signature = xml.split("<MsgSignature><![CDATA[")[1].split("]]>")[0]
    return xml.encode(), f"{signed_query(at, nonce)}&encrypt_type=aes&msg_signature={signature}"


def use_mode(settings: Settings, mode: str) -> None:
    settings.WECHAT_OA = {**live_settings.WECHAT_OA, "MODE": mode}


@pytest.mark.parametrize("mode", ["safe", "compatible"])
def test_an_encrypted_message_gets_an_encrypted_reply(settings: Settings, mode: str) -> None:
    use_mode(settings, mode)
    answer = send(*encrypted(message(LOGIN)))
    assert answer.status_code == 200
    assert b"<Encrypt>" in answer.content
    assert "登录".encode() not in answer.content
    assert LoginCode.objects.count() == 1


def test_in_compatible_mode_the_unsigned_plain_part_is_not_read(settings: Settings) -> None:
    use_mode(settings, "compatible")
    xml, query = encrypted(message(LOGIN, openid="oReal"))
    forged = xml.replace(b"<xml>", b"<xml><FromUserName>oVictim</FromUserName>")
    assert send(forged, query).status_code == 200
    assert list(WeChatIdentity.objects.values_list("openid", flat=True)) == ["oReal"]


def test_compatible_mode_also_takes_plain_messages(settings: Settings, phone: Phone) -> None:
    use_mode(settings, "compatible")
    assert phone.login_code()


def test_safe_mode_refuses_a_plain_message_and_plain_mode_an_encrypted_one(settings: Settings) -> None:
    use_mode(settings, "safe")
    assert send(message(LOGIN)).status_code == 403
    assert send(message(LOGIN), f"{signed_query(seconds())}&encrypt_type=aes&msg_signature=x").status_code == 403
    use_mode(settings, "plain")
    assert send(*encrypted(message(LOGIN))).status_code == 403
    assert nothing_happened()


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda: encrypted(message(LOGIN), app_id="wxsomebodyelse"),
        lambda: encrypted(message(LOGIN), key="B" * 43),
        lambda: encrypted(message(LOGIN, account="gh_another")),
        lambda: (encrypted(message(LOGIN))[0], encrypted(message(LOGIN))[1]),
        lambda: (message(LOGIN), encrypted(message(LOGIN))[1]),
        lambda: (b"<xml><Encrypt><a/></Encrypt></xml>", encrypted(message(LOGIN))[1]),
        lambda: (encrypted(message(LOGIN))[0], signed_query(seconds()) + "&encrypt_type=aes"),
    ],
    ids=[
        *("wrong appid inside", "wrong key", "another account", "another's signature"),
        *("no Encrypt", "Encrypt is no text", "unsigned"),
    ],
)
def test_safe_mode_refuses_what_is_not_for_us(settings: Settings, spoiled: Callable[[], tuple[bytes, str]]) -> None:
    use_mode(settings, "safe")
    assert send(*spoiled()).status_code == 403
    assert nothing_happened()


def test_an_encrypted_mess_with_a_valid_signature_is_ignored(settings: Settings) -> None:
    use_mode(settings, "safe")
    answer = send(*encrypted(b"{}"))
    assert (answer.status_code, answer.content) == (200, b"success")
