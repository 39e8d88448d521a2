"""The published vectors of WeChat Pay v3, and everything that must not pass for them."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from apps.orders.gateways import wechat_crypto

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "wechat_pay_vectors.json").read_text())
SIGNED_AT = datetime.fromtimestamp(1_700_000_000, UTC)
SERIAL = "PUB_KEY_ID_0119000001092023111500000001"


def public_key(name: str) -> rsa.RSAPublicKey:
    key = load_pem_public_key(VECTORS[name].encode())
    assert isinstance(key, rsa.RSAPublicKey)
    return key


KEYS = {SERIAL: public_key("platform_public_key")}


def headers(vector: str, **changes: str) -> dict[str, str]:
    return {
        "Wechatpay-Timestamp": "1700000000",
        "Wechatpay-Nonce": "c5ac7061fccab6bf3e254dcf98995b8c",
        "Wechatpay-Serial": SERIAL,
        "Wechatpay-Signature": VECTORS[vector]["signature"],
        "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
        **changes,
    }


def body_of(vector: str) -> bytes:
    """A response vector gives the signed message: timestamp, nonce, body, each with its line end."""
    if "body" in VECTORS[vector]:
        return str(VECTORS[vector]["body"]).encode()
    return str(VECTORS[vector]["message"]).split("\n")[2].encode()


@pytest.mark.parametrize("vector", ["wxpay_req_native", "wxpay_req_query"])
def test_a_request_is_signed_over_the_message_of_the_vector(vector: str) -> None:
    message = VECTORS[vector]["message"]
    method, target, timestamp, nonce, body, _ = message.split("\n")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    header = wechat_crypto.authorization(
        private_key=key,
        merchant_id="1900000109",
        serial="ABC",
        method=method,
        target=target,
        body=body,
        timestamp=int(timestamp),
        nonce=nonce,
    )

    scheme, _, rest = header.partition(" ")
    fields = dict(part.split("=", 1) for part in rest.split(","))
    signature = fields.pop("signature").strip('"')
    assert scheme == "WECHATPAY2-SHA256-RSA2048"
    assert fields == {
        "mchid": '"1900000109"',
        "nonce_str": f'"{nonce}"',
        "timestamp": f'"{timestamp}"',
        "serial_no": '"ABC"',
    }
    key.public_key().verify(base64.b64decode(signature), message.encode(), PKCS1v15(), hashes.SHA256())
    # The vector's own signature belongs to the same message under the merchant's key.
    public_key("merchant_public_key").verify(
        base64.b64decode(VECTORS[vector]["signature"]), message.encode(), PKCS1v15(), hashes.SHA256()
    )


@pytest.mark.parametrize("vector", ["wxpay_resp", "wxpay_resp_204", "wxpay_notify"])
def test_the_signatures_of_the_vectors_hold(vector: str) -> None:
    wechat_crypto.verify(headers(vector), body_of(vector), keys=KEYS, now=SIGNED_AT)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Wechatpay-Timestamp": "1700000001"}, "signature"),
        ({"Wechatpay-Timestamp": "17000000000000"}, "timestamp"),
        ({"Wechatpay-Timestamp": ""}, "timestamp"),
        ({"Wechatpay-Timestamp": "-1700000000"}, "timestamp"),
        ({"Wechatpay-Timestamp": "１７００００００００"}, "timestamp"),
        ({"Wechatpay-Nonce": "other"}, "signature"),
        ({"Wechatpay-Serial": "5EC2D0E1A3B4C5D6E7F8091A2B3C4D5E6F708192"}, "unknown serial"),
        ({"Wechatpay-Serial": ""}, "unknown serial"),
        ({"Wechatpay-Signature-Type": "WECHATPAY2-SM2-WITH-SM3"}, "signature type"),
        ({"Wechatpay-Signature": ""}, "signature"),
        ({"Wechatpay-Signature": "%%% not base64"}, "signature"),
        ({"Wechatpay-Signature": VECTORS["wxpay_resp"]["signature"]}, "signature"),
    ],
)
def test_anything_changed_is_not_trusted(changes: dict[str, str], reason: str) -> None:
    with pytest.raises(wechat_crypto.Untrusted, match=f"^{reason}$"):
        wechat_crypto.verify(headers("wxpay_notify", **changes), body_of("wxpay_notify"), keys=KEYS, now=SIGNED_AT)


def test_one_changed_byte_of_the_body_is_not_trusted() -> None:
    body = body_of("wxpay_notify")

    with pytest.raises(wechat_crypto.Untrusted, match="signature"):
        wechat_crypto.verify(headers("wxpay_notify"), body + b" ", keys=KEYS, now=SIGNED_AT)


@pytest.mark.parametrize("seconds", [-300, 300])
def test_five_minutes_of_skew_are_tolerated(seconds: int) -> None:
    now = SIGNED_AT + timedelta(seconds=seconds)

    wechat_crypto.verify(headers("wxpay_notify"), body_of("wxpay_notify"), keys=KEYS, now=now)


@pytest.mark.parametrize("seconds", [-301, 301, 86_400])
def test_a_stale_or_early_signature_is_not_trusted(seconds: int) -> None:
    now = SIGNED_AT + timedelta(seconds=seconds)

    with pytest.raises(wechat_crypto.Untrusted, match="timestamp"):
        wechat_crypto.verify(headers("wxpay_notify"), body_of("wxpay_notify"), keys=KEYS, now=now)


def test_the_probe_is_recognised() -> None:
    probe = headers("wxpay_notify", **{"Wechatpay-Signature": "WECHATPAY/SIGNTEST/" + "A" * 300})

    with pytest.raises(wechat_crypto.Probe):
        wechat_crypto.verify(probe, body_of("wxpay_notify"), keys=KEYS, now=SIGNED_AT)


def resource(**changes: Any) -> dict[str, Any]:
    vector = VECTORS["wxpay_aes"]
    return {
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": vector["ciphertext"],
        "nonce": vector["nonce"],
        "associated_data": vector["aad"],
        **changes,
    }


def test_the_sealed_resource_of_the_vector_opens() -> None:
    opened = wechat_crypto.open_resource(VECTORS["wxpay_aes"]["key"].encode(), resource())

    assert opened == json.loads(VECTORS["wxpay_aes"]["plaintext"])


def test_associated_data_may_be_missing() -> None:
    key = b"0" * 32
    sealed = base64.b64encode(AESGCM(key).encrypt(b"0" * 12, b'{"a": 1}', b"")).decode()
    unnamed = {"algorithm": "AEAD_AES_256_GCM", "ciphertext": sealed, "nonce": "0" * 12}

    assert wechat_crypto.open_resource(key, unnamed) == {"a": 1}
    assert wechat_crypto.open_resource(key, {**unnamed, "associated_data": None}) == {"a": 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithm": "AEAD_SM4_GCM"},
        {"nonce": "ba9876543210"},
        {"nonce": ""},
        {"associated_data": "refund"},
        {"ciphertext": "AAAA"},
        {"ciphertext": "not base64 at all"},
        {"ciphertext": None},
    ],
)
def test_a_resource_that_was_touched_stays_shut(changes: dict[str, Any]) -> None:
    with pytest.raises(wechat_crypto.Untrusted):
        wechat_crypto.open_resource(VECTORS["wxpay_aes"]["key"].encode(), resource(**changes))


def test_another_key_opens_nothing() -> None:
    with pytest.raises(wechat_crypto.Untrusted):
        wechat_crypto.open_resource(b"x" * 32, resource())
