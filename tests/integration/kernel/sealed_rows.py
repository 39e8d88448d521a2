"""Rows as they were before SEALING_KEY: by the two derivations from SECRET_KEY that were in use, copied from then."""

import base64
from datetime import timedelta
from uuid import UUID

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.crypto import salted_hmac

from apps.accounts.contracts import Member, SignInMethod
from apps.accounts.models import BackupCode, CallbackMessage, MemberSession, SecondFactor
from apps.chat.models import Channel, ChannelKey
from apps.kernel import clock

SECRETS = {
    "chat.ChannelKey.api_key_sealed": "sk-of-a-channel",
    "accounts.SecondFactor.secret_sealed": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
    "accounts.MemberSession.key_sealed": "the key of a session",
    "accounts.CallbackMessage.reply_sealed": "Your code: ABC123",
}


def seal_of_accounts(purpose: str, text: str) -> str:
    """As apps.accounts.services.sealing did."""
    key = salted_hmac(f"accounts.seal.{purpose}", b"", secret=settings.SECRET_KEY, algorithm="sha256").digest()
    return Fernet(base64.urlsafe_b64encode(key)).encrypt(text.encode()).decode()


def seal_of_channels(text: str) -> str:
    """As apps.chat.services.secrets did."""
    derivation = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"chatloop channel keys")
    key = base64.urlsafe_b64encode(derivation.derive(settings.SECRET_KEY.encode()))
    return Fernet(key).encrypt(text.encode()).decode()


def hash_of_accounts(purpose: str, value: str) -> str:
    """As apps.accounts.services.sealing did."""
    return salted_hmac(f"accounts.{purpose}", value, secret=settings.SECRET_KEY, algorithm="sha256").hexdigest()


def keep_as_before(operator: Member) -> None:
    """A row in each table that has sealed values, with those of SECRETS."""
    now = clock.now()
    channel, factor, session, reply = SECRETS.values()
    ChannelKey.objects.create(
        channel=Channel.objects.create(code="old", base_url="https://example.com/v1", updated_at=now, created_at=now),
        name="main", api_key_sealed=seal_of_channels(channel), updated_at=now, created_at=now,
    )  # fmt: skip
    SecondFactor.objects.create(
        user_id=operator.id, secret_sealed=seal_of_accounts("second_factor", factor), created_at=now
    )
    BackupCode.objects.create(
        user_id=operator.id, code_hash=hash_of_accounts("backup_code", "ABCDE23456"), created_at=now
    )
    keep_session(operator.id, session)
    CallbackMessage.objects.create(
        dedupe_key=hash_of_accounts("message", "1"), reply_sealed=seal_of_accounts("reply", reply), created_at=now
    )


def keep_session(user_id: UUID, key: str) -> None:
    """A session of this key, last seen an hour ago."""
    MemberSession.objects.create(
        user_id=user_id,
        key_hash=hash_of_accounts("session", key),
        key_sealed=seal_of_accounts("session", key),
        method=SignInMethod.OPERATOR,
        last_seen_at=clock.now() - timedelta(hours=1),
        created_at=clock.now() - timedelta(hours=1),
    )
