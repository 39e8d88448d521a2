"""The official account's signature and encryption against WeChat's published vectors."""

import pytest

from apps.sandbox.rules import message_crypto

OFFICIAL = {"aes_key": "A" * 43, "app_id": "wxba5fad812f8e6fb9"}
# An event as WeChat sent it, and an answer as WeChat would accept it (token AAAAA).
INCOMING = (
    "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsXUnnR8XGT"
    "740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8Y"
    "L/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04="
)
OUTGOING = "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ=="


def test_the_official_plain_signature_is_reproduced() -> None:
    assert message_crypto.signature("AAAAA", "1714036504", "1514711492") == "f464b24fc39322e44b38aa78f5edd27bd1441696"


def test_the_official_event_is_signed_and_decrypted() -> None:
    signed = ("AAAAA", "1714112445", "415670741", INCOMING)

    assert message_crypto.signature(*signed) == "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3"
    assert b"debug_demo" in message_crypto.decrypt(INCOMING, **OFFICIAL)


def test_the_official_answer_is_encrypted_and_signed() -> None:
    sealed = message_crypto.encrypt(b'{"demo_resp":"good luck"}', random=b"707722b803182950", **OFFICIAL)

    assert sealed == OUTGOING
    signed = ("AAAAA", "1713424427", "415670741", sealed)
    assert message_crypto.signature(*signed) == "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1"


def test_our_scan_event_is_encrypted_as_the_reference_does() -> None:
    event = (
        "<xml><ToUserName><![CDATA[gh_sim]]></ToUserName><FromUserName><![CDATA[oSIM_USER_1]]></FromUserName>"
        "<CreateTime>1700000000</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[SCAN]]></Event>"
        "<EventKey><![CDATA[login_7f3a]]></EventKey><Ticket><![CDATA[TICKET_1]]></Ticket></xml>"
    )
    sealed = message_crypto.encrypt(
        event.encode(),
        aes_key="abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
        app_id="wxsim0000000000001",
        random=b"0123456789abcdef",
    )

    assert sealed.startswith("Q3stYC6hdFzMh9T8HCvyDCG1")
    assert sealed.endswith("GueEt+axw==")
    signed = ("simtoken", "1700000000", "nonce123", sealed)
    assert message_crypto.signature(*signed) == "993e0806d9be9e7a5a0bffd0d2650a679caeee76"


@pytest.mark.parametrize("length", [0, 11, 12, 13, 500])
def test_a_message_of_any_length_comes_back(length: int) -> None:
    sealed = message_crypto.encrypt(b"x" * length, random=b"0" * 16, **OFFICIAL)

    assert message_crypto.decrypt(sealed, **OFFICIAL) == b"x" * length


def test_a_message_for_another_app_is_refused() -> None:
    sealed = message_crypto.encrypt(b"hello", random=b"0" * 16, **OFFICIAL)

    with pytest.raises(message_crypto.NotDecryptable, match="app id"):
        message_crypto.decrypt(sealed, aes_key="A" * 43, app_id="wxanother")


@pytest.mark.parametrize("damaged", ["", "not base64", "AAAA", OUTGOING[:-24]])
def test_a_damaged_message_is_refused(damaged: str) -> None:
    with pytest.raises(message_crypto.NotDecryptable):
        message_crypto.decrypt(damaged, **OFFICIAL)
