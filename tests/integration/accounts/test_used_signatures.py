"""A signature of WeChat's is good for the request that brought it, and for nothing else."""

import hashlib
import re
import xml.etree.ElementTree as ET  # reads replies that our own code wrote
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from django.conf import settings as django_settings
from django.test import Client
from pytest_django.fixtures import Settings

from apps.accounts import services
from apps.accounts.contracts import CallbackRequest
from apps.accounts.errors import CallbackForged
from apps.accounts.models import LoginCode
from apps.kernel import clock
from tests.cast import signed_query
from tests.integration.accounts.test_callback import LOGIN, TEXT, encrypted, message, seconds, send, use_mode
from tests.integration.accounts.test_sign_in import enter, start

pytestmark = pytest.mark.django_db

VICTIM = "oVictim"


def plain_part(query: str) -> str:
    """What signs a plain message, out of any query: all of it is in every access log."""
    found = parse_qs(query)
    return urlencode({name: found[name][0] for name in ("signature", "timestamp", "nonce")})


def forge(query: str) -> Any:
    """Ask for the victim's code under a signature that was seen."""
    return send(message(TEXT.format("登录", 666), openid=VICTIM), plain_part(query))


def test_a_logged_query_signs_nobody_in_as_the_victim(settings: Settings) -> None:
    use_mode(settings, "compatible")
    xml, query = encrypted(message(TEXT.format("你好", 1), openid=VICTIM))
    assert send(xml, query).status_code == 200
    stolen = forge(query)
    if stolen.status_code == 200:  # then the reply holds the code, and the thief is in
        thief = Client()
        words = re.findall("[0-9A-Z]{6}", ET.fromstring(stolen.content).findtext("Content") or "")  # noqa: S314
        assert [word for word in words if enter(thief, start(thief), word).status_code == 200] == []
    assert stolen.status_code == 403
    assert not LoginCode.objects.exists()


@pytest.mark.parametrize("mode", ["plain", "compatible"])
def test_the_signature_of_a_verification_signs_no_message(settings: Settings, mode: str) -> None:
    use_mode(settings, mode)
    query = signed_query(seconds())
    for _ in range(2):  # a repetition is none the worse
        assert Client().get(f"/wechat/callback?{query}&echostr=1").content == b"1"
    assert Client().get(f"/wechat/callback?{query}&echostr=2").status_code == 403
    assert forge(query).status_code == 403


@pytest.mark.parametrize(
    "body", [b"", b"not xml", b"<xml>" + b"x" * 70_000, message("<MsgType></MsgType>")], ids=["", "no", "long", "kind"]
)
def test_the_signature_of_what_cannot_be_read_signs_no_message(body: bytes) -> None:
    query = signed_query(seconds())
    send(body, query)
    assert forge(query).status_code == 403
    assert not LoginCode.objects.exists()


def test_what_comes_in_another_mode_or_garbled_is_used_up_too(settings: Settings) -> None:
    use_mode(settings, "plain")
    xml, query = encrypted(message(LOGIN))
    assert send(xml, query).status_code == 403
    assert forge(query).status_code == 403
    use_mode(settings, "compatible")
    xml, query = encrypted(message(LOGIN))
    assert send(xml.replace(b"<Encrypt><![CDATA[", b"<Encrypt><![CDATA[x"), query).status_code == 403
    assert forge(query).status_code == 403
    assert not LoginCode.objects.exists()


def test_the_signature_of_an_encrypted_message_is_no_plain_one(settings: Settings) -> None:
    use_mode(settings, "compatible")
    xml, query = encrypted(message(TEXT.format("你好", 1), openid=VICTIM))
    assert send(xml, query).status_code == 200
    # The signed text is the parts in order, without marks between them: a long nonce may swallow the ciphertext.
    found = {name: values[0] for name, values in parse_qs(query).items()}
    ciphertext = xml.decode().split("<Encrypt><![CDATA[")[1].split("]]>")[0]
    for nonce in (found["nonce"] + ciphertext, ciphertext + found["nonce"]):
        shifted = {"signature": found["msg_signature"], "timestamp": found["timestamp"], "nonce": nonce}
        assert forge(urlencode(shifted)).status_code == 403
    assert not LoginCode.objects.exists()


def test_a_repeated_request_gets_its_answer_again(settings: Settings) -> None:
    use_mode(settings, "compatible")
    xml, query = encrypted(message(LOGIN))
    assert [send(xml, query).status_code for _ in range(3)] == [200] * 3
    # Encrypted again for the retry, under the same time and nonce: it proves itself by its own signature.
    body = message(TEXT.format("登录", 7003))
    first, second = (encrypted(body, nonce="n") for _ in range(2))
    assert first != second
    assert send(*first).status_code == send(*second).status_code == 200
    assert LoginCode.objects.count() == 1


def test_an_old_signature_is_not_good_again_when_its_nonce_is_the_time(settings: Settings) -> None:
    use_mode(settings, "plain")
    sent_at = clock.now()
    later = sent_at + timedelta(days=3)
    then, nonce = str(int(sent_at.timestamp())), str(int(later.timestamp()))  # a number like any other
    answer(then, nonce, message(TEXT.format("你好", 1), openid=VICTIM), now=sent_at)
    services.forget_old_messages(now=later)

    with pytest.raises(CallbackForged):
        answer(nonce, then, message(TEXT.format("登录", 2), openid=VICTIM), now=later)

    assert not LoginCode.objects.exists()


def answer(timestamp: str, nonce: str, body: bytes, *, now: datetime) -> str:
    signed = "".join(sorted([django_settings.WECHAT_OA["TOKEN"], timestamp, nonce]))
    request = CallbackRequest(
        signature=hashlib.sha1(signed.encode(), usedforsecurity=False).hexdigest(),
        timestamp=timestamp,
        nonce=nonce,
        encrypt_type="",
        msg_signature="",
        body=body,
    )
    return services.answer_callback(request=request, now=now)
