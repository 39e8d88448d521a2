"""The official account's protocol against WeChat's published vectors and our own."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_django.fixtures import Settings
from wechatpy.crypto import PrpCrypto, WeChatCrypto

from apps.accounts.contracts import CallbackRequest
from apps.accounts.gateways import callback_protocol
from apps.accounts.gateways.callback_protocol import MessageKind

# Published by WeChat with its description of message encryption.
OFFICIAL = {"TOKEN": "AAAAA", "AES_KEY": "A" * 43, "APP_ID": "wxba5fad812f8e6fb9", "MODE": "safe"}
OFFICIAL_ENCRYPT = (
    "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsXUn"
    "nR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY"
    "2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04="
)
OURS = {
    "TOKEN": "simtoken",
    "AES_KEY": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    "APP_ID": "wxsim0000000000001",
    "ORIGINAL_ID": "gh_sim",
    "MODE": "safe",
}
SCAN = (
    "<xml><ToUserName><![CDATA[gh_sim]]></ToUserName><FromUserName><![CDATA[oSIM_USER_1]]></FromUserName>"
    "<CreateTime>1700000000</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[SCAN]]></Event>"
    "<EventKey><![CDATA[login_7f3a]]></EventKey><Ticket><![CDATA[TICKET_1]]></Ticket></xml>"
)


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def request(**parts: Any) -> CallbackRequest:
    empty = {"signature": "", "timestamp": "", "nonce": "", "encrypt_type": "", "msg_signature": "", "body": b""}
    return CallbackRequest(**{**empty, **parts})


@pytest.mark.parametrize(
    ("token", "timestamp", "nonce", "signature"),
    [
        ("AAAAA", "1714036504", "1514711492", "f464b24fc39322e44b38aa78f5edd27bd1441696"),
        ("simtoken", "1700000000", "nonce123", "1adac743bcd498ba019f541d0378232e187cec7b"),
    ],
)
def test_url_verification_accepts_the_published_signatures(
    settings: Settings, token: str, timestamp: str, nonce: str, signature: str
) -> None:
    settings.WECHAT_OA = {**OURS, "TOKEN": token}
    genuine = request(signature=signature, timestamp=timestamp, nonce=nonce)
    assert callback_protocol.signatures_of(genuine, now=at(int(timestamp))) == {signature}
    assert callback_protocol.signatures_of(genuine, now=at(int(timestamp) + 301)) == frozenset()
    changed = request(signature=signature, timestamp=timestamp, nonce="x")
    assert callback_protocol.signatures_of(changed, now=at(int(timestamp))) == frozenset()


def test_the_official_encrypted_message_is_verified_and_decrypted(settings: Settings) -> None:
    settings.WECHAT_OA = OFFICIAL
    encrypted = request(
        encrypt_type="aes",
        timestamp="1714112445",
        nonce="415670741",
        msg_signature="046e02f8204d34f8ba5fa3b1db94908f3df2e9b3",
        body=f"<xml><ToUserName>gh_1</ToUserName><Encrypt>{OFFICIAL_ENCRYPT}</Encrypt></xml>".encode(),
    )
    # The published plaintext is JSON: past signature and AES, it is not a message that we read.
    signatures = callback_protocol.signatures_of(encrypted, now=at(1714112445))
    with pytest.raises(callback_protocol.MessageUnreadable):
        callback_protocol.open_message(encrypted, signatures=signatures)


def test_our_scan_vector_reads_as_the_event_it_is(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.WECHAT_OA = OURS
    monkeypatch.setattr(PrpCrypto, "get_random_string", lambda self: "0123456789abcdef")
    crypto = WeChatCrypto(OURS["TOKEN"], OURS["AES_KEY"], OURS["APP_ID"])
    body = crypto.encrypt_message(SCAN, "nonce123", "1700000000")
    assert "993e0806d9be9e7a5a0bffd0d2650a679caeee76" in body
    assert "<![CDATA[Q3stYC6hdFzMh9T8HCvyDCG1" in body
    assert "GueEt+axw==]]>" in body
    scanned = request(
        encrypt_type="aes",
        timestamp="1700000000",
        nonce="nonce123",
        msg_signature="993e0806d9be9e7a5a0bffd0d2650a679caeee76",
        body=body.encode(),
    )
    message = callback_protocol.open_message(
        scanned, signatures=callback_protocol.signatures_of(scanned, now=at(1700000000))
    )
    assert (message.openid, message.account, message.kind) == ("oSIM_USER_1", "gh_sim", MessageKind.SCAN)
    assert (message.scene, message.ticket) == ("login_7f3a", "TICKET_1")
    assert message.dedupe == "event|oSIM_USER_1|1700000000|scan|login_7f3a"


def test_an_encrypted_reply_decrypts_to_the_text(settings: Settings) -> None:
    settings.WECHAT_OA = OURS
    crypto = WeChatCrypto(OURS["TOKEN"], OURS["AES_KEY"], OURS["APP_ID"])
    message = callback_protocol.Incoming(
        kind=MessageKind.TEXT,
        openid="oSIM_USER_1",
        account="gh_sim",
        text="登录",
        dedupe="x",
        sent_at=at(1700000000),
        is_encrypted=True,
    )
    sealed = callback_protocol.passive_reply(message, "a ]]> b\x00", now=at(1700000000))
    signature, nonce = (sealed.split(f"<{name}><![CDATA[")[1].split("]]>")[0] for name in ("MsgSignature", "Nonce"))
    xml = crypto.decrypt_message(sealed, signature, "1700000000", nonce)
    assert "<Content><![CDATA[a ]]]]><![CDATA[> b]]></Content>" in xml
    assert "<ToUserName><![CDATA[oSIM_USER_1]]></ToUserName>" in xml


def test_the_official_reply_is_encrypted_and_signed_as_published(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WECHAT_OA = OFFICIAL
    monkeypatch.setattr(PrpCrypto, "get_random_string", lambda self: "707722b803182950")
    crypto = WeChatCrypto(OFFICIAL["TOKEN"], OFFICIAL["AES_KEY"], OFFICIAL["APP_ID"])
    sealed = crypto.encrypt_message('{"demo_resp":"good luck"}', "415670741", "1713424427")
    assert "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ==" in sealed
    assert "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1" in sealed


def test_following_by_a_code_and_scanning_one_name_the_same_scene() -> None:
    event = (
        "<xml><ToUserName>gh_1</ToUserName><FromUserName>oA</FromUserName><CreateTime>1700000000</CreateTime>"
        "<MsgType>event</MsgType><Event>{}</Event><EventKey>{}</EventKey><Ticket>T</Ticket></xml>"
    )
    for name, key, kind in (
        ("subscribe", "qrscene_login_x", MessageKind.FOLLOW),
        ("SCAN", "login_x", MessageKind.SCAN),
    ):
        message = callback_protocol._read(event.format(name, key).encode(), is_encrypted=False)
        assert (message.kind, message.scene, message.ticket) == (kind, "login_x", "T")
    plain = callback_protocol._read(event.format("subscribe", "").encode(), is_encrypted=False)
    assert (plain.kind, plain.scene) == (MessageKind.FOLLOW, "")
