"""A body that WeChat did not sign is refused, whatever a parser would make of it."""

import pytest

from apps.accounts.models import LoginCode
from tests.integration.accounts.test_callback import seconds, send

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "body",
    [
        b'<?xml version="1.0" encoding="nope"?><xml><Encrypt>x</Encrypt></xml>',
        b'<?xml version="1.0" encoding="base64"?><xml><Encrypt>x</Encrypt></xml>',
        b"<a>" * 20_000,
        b"<xml>" + b"<a>" * 9_000 + b"</a>" * 9_000 + b"</xml>",
    ],
    ids=["unknown encoding", "no encoding of text", "deep", "deep and whole"],
)
def test_a_forged_body_is_refused_whatever_is_in_it(body: bytes) -> None:
    forged = f"timestamp={seconds()}&nonce=x&signature={'0' * 40}&msg_signature={'0' * 40}&encrypt_type=aes"

    assert send(body, forged).status_code == 403
    assert not LoginCode.objects.exists()
