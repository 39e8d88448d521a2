"""WeChat Pay's door: who is calling, and the platform's signature under what it answers."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from django.conf import settings

from apps.sandbox.errors import PayRefusal
from apps.sandbox.rules import pay_crypto
from apps.sandbox.rules.payments import CLOCK_SKEW_SECONDS


def check_request(
    *, method: str, targets: Sequence[str], body: str, authorization: str, serial: str, now: datetime
) -> None:
    """Accept a call that our merchant signed over one of `targets`; raises PayRefusal (401 SIGN_ERROR, 400).

    `serial` is the request's own Wechatpay-Serial: the key that the merchant expects under the answer.
    """
    header = pay_crypto.parse_authorization(authorization)
    if header is None:
        raise PayRefusal(401, "SIGN_ERROR", "Http头缺少Accept或Authorization不合法")
    merchant = settings.WECHAT_PAY
    if (header.mch_id, header.serial_no) != (merchant["MCH_ID"], merchant["SERIAL_NO"]):
        raise PayRefusal(401, "SIGN_ERROR", "商户号或商户证书序列号有误")
    if abs(now.timestamp() - header.timestamp) > CLOCK_SKEW_SECONDS:
        raise PayRefusal(401, "SIGN_ERROR", "Authorization中的timestamp与发起请求的时间不得超过5分钟")
    texts = (
        pay_crypto.request_text(method=method, target=target, timestamp=header.timestamp, nonce=header.nonce, body=body)
        for target in targets
    )
    public_key = settings.SANDBOX["MERCHANT_PUBLIC_KEY"]
    if not any(pay_crypto.is_signed(public_key, text, header.signature) for text in texts):
        raise PayRefusal(401, "SIGN_ERROR", "错误的签名，验签失败")
    if serial not in ("", merchant["PUBLIC_KEY_ID"]):
        raise PayRefusal(400, "PARAM_ERROR", "Wechatpay-Serial不是该商户的微信支付公钥ID")


def check_merchant(mch_id: object) -> None:
    """Accept the merchant named inside the request when it is the one that signed it; raises PayRefusal 400."""
    if mch_id != settings.WECHAT_PAY["MCH_ID"]:
        raise PayRefusal(400, "PARAM_ERROR", "HTTP头中的商户号与请求参数mchid不一致")


def signature_headers(*, body: str, now: datetime) -> dict[str, str]:
    """The headers under a successful answer; an empty body (204) is signed too."""
    timestamp, nonce = int(now.timestamp()), secrets.token_hex(16)
    text = pay_crypto.answer_text(timestamp=timestamp, nonce=nonce, body=body)
    return {
        "Request-ID": secrets.token_hex(16).upper(),
        "Wechatpay-Timestamp": str(timestamp),
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Serial": settings.WECHAT_PAY["PUBLIC_KEY_ID"],
        "Wechatpay-Signature": pay_crypto.sign(settings.SANDBOX["PLATFORM_PRIVATE_KEY"], text),
        "Wechatpay-Signature-Type": pay_crypto.SCHEME,
    }
