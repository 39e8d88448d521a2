"""WeChat Pay's signatures and encryption against the reference vectors (made with OpenSSL)."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from apps.sandbox.rules import pay_crypto

MERCHANT_KEY = """\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAl4sbiThhXW9BgZYIlHFx
cL3YBHnxoySUoCCzwjjY2M18l7x5GJ0Y5MC2ul3sqGdyiP1/YoJ4Xd9L5PfcbqXi
CLkaLv8iljDt6zICC57DfBHqrPljFdAQCPvep8SlgNTbY7h7jxZX/R+jKfIipmmo
Nv556yO84Nm0ZwnrJA+iVAdr9mhP0kcaAVlHa6i1p3qVgTT5x7ltHhRrXMnWmjxC
Uqfg4zNVktMUqcARYnKQMxOo1cYmPLts3DfCzkpxP0SspG/K5VtNZXf11UM5s/HX
8ELhmk7cWnZ3+OAKNFCt/Z62ra7GDAdMpO4vDI6CvVSJXz9naJBgbEMYFvKBZX0j
TQIDAQAB
-----END PUBLIC KEY-----
"""
PLATFORM_KEY = """\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAn4fYQFIdc7rEN2M4kf0k
BnQ6AE6fr3REs8fwidGNmrqJ6gGMhms4AhFJljlBLtpkCNlYPTYnoq2apDpEnTqX
Tztfonqmz8R6Mm7Pti6jZzeZd2W4A64ZB9p3tTvun8oYLvvW8Vq+W2Qfle6FNf4J
K0iVm31ilQIi9Kx7BDtVy1O5YL+kk+U11Xiway3MUmaDciH2aifUaJcnx9VZ8kLM
g27O3iSNpHEHv65l/Nb+eV5DAdkCM/rgQvnkxbauy71Tub6VXwLkQpCy16I+rf/O
0hb6D+GWgRPYPT0w/VuHQZFBQGH0x9b8fEj7gXs3K4lrVf3NXaPqpWfNHirntxIZ
wwIDAQAB
-----END PUBLIC KEY-----
"""
TIME, NONCE = 1700000000, "593BEC0C930BF1AFEB40B4A08C8FB242"
ANSWER_NONCE = "c5ac7061fccab6bf3e254dcf98995b8c"
ORDER = (
    '{"appid":"wxsim0000000000001","mchid":"1900000109","description":"OpenAI 100","out_trade_no":"SIM202'
    '31115000001","notify_url":"https://example.com/pay/wx/notify","amount":{"total":990,"currency":"CNY"'
    "}}"
)
ORDER_SIGNATURE = (
    "UlfW/+EWA+DrcsPEpBkGMFAyvJfWhK70cuiBNOfE2iibmisgeoJD0kbkG9S3G+VcjQy8UOuv3QGfhE71COJmCQCngUa5Xm5DqH96"
    "2fvcS8m0ymXGgmFxwFwpVEE/SL2O8FVhFN0SKcT6O2odrc5IvmW0BSqIZI03qe5Jl4TGlpNXgi2ZoDfyYqAWyjsFdApzAk5oeGQ1"
    "TZepv+CIe/VkK55GYyTDsaHTzkGqg5fPGWqkouMVVDRhZS38Seq4XF3U3Ab8Wy64d/pRXKP2rseltrflWWAUcHhEUnj7J4m2Nvvn"
    "28/PJcjxQyMwx9ZG0N496D+sI/q/hw6RlfD+gwReJw=="
)
QUERY_SIGNATURE = (
    "bkRJ/htXw8Vi/qKI8eCIEJGj8I4SC/NreGqLY5sapm26HSFzwXhBUnU+CVjMw+W7ix//rJiuJbwenhMa0DCLyvauArj6RMBPmuSz"
    "ZK3Oq/4KHj5jgJ35RI+BIZpYwvH6DuIIcBESsDfo8H8qC5yB6cl1FO9iA+jmnhR9bJW7WuQnh6OwXR7UIXrShoCjfFf0iCsMx/Mk"
    "QotH+e5OQf62J6K4g2lHgXljAi+M3E4ftH7r7aOZnsC9fRLqZyRqiFR1B/YhvdfOe/xCHsfdCKsavrdGXOSXE/rhtSAd9wVWkzYS"
    "qaXVWXo/viiL9XTgx4mDi2MIPkEpbcwK2fCxKjnm2w=="
)
ANSWER = '{"code_url":"weixin://wxpay/bizpayurl?pr=SIM0000z1"}'
ANSWER_SIGNATURE = (
    "Hfx5E14yqkrmbsDpxSUmdgQO0RIDpVweRUrD6fExyV4S83YjJqNA1xhBgFf1bh2Q2dgFXzPgyMuTIXPhMhAHJQrEwd0IcKNof9xG"
    "YwussyPSfefaqahynqRX/qDkOPTjFICvdyz+a0YNAjLa4chcbwhzDAM19Jj0ohtnCRU1ILAobOIe9yrbzN3jxAVs8fxf1+quE0vS"
    "zbq3LgMKTgbhaP6XAy7ryzeF1ONplWwv7eICQNXixYUDXeuGlsWK8oQUGyN0BKKPJK+l8ta72zKI6Ijxfd06fyXWv1Kt/WMVCuuf"
    "U5r0TjOVmC9cP74x77f+DtnJtyDYd+mI+JsskoJGUQ=="
)
EMPTY_SIGNATURE = (
    "P7UW1XS2lBiq3PTwStpcZeOP4N5Vorv9nWVNVAajW+vqy63jIGLRHA76cJXcLffsZ6PzpM07nOx0zmPIpq2a1osJg/mRgdbwGO8g"
    "rQV2DlcDbmENWnqdZJgKvAMFcqeQ6+dojmpLL1uEapeLA+FBt+QboSQJwi02aA0uVKXObCRDaPkXWqZGiHTYfKRgCGf6HCgcBcCm"
    "rDzign5ZgcojaEHaSKry6JW9yyLhbMSOpeBVu9ukwCk7Uj9ZPZJPuJqufq2WQBzgnJWY/ZEaTxhVpXwuooGeYZCRlIazac/nq4l1"
    "T57ACMqoLShgle40PCILImq0jGqgNheG+lp6JIKwbw=="
)
PAID = (
    '{"mchid":"1900000109","appid":"wxsim0000000000001","out_trade_no":"SIM20231115000001","transaction_i'
    'd":"4200000000202311150000000001","trade_type":"NATIVE","trade_state":"SUCCESS","trade_state_desc":"'
    '支付成功","bank_type":"OTHERS","attach":"","success_time":"2023-11-15T06:13:25+08:00","payer":{"openid":'
    '"oSIM_USER_1"},"amount":{"total":990,"payer_total":990,"currency":"CNY","payer_currency":"CNY"}}'
)
PAID_SEALED = (
    "ToVe8+WbzCSy3w23DaXKn4RZZSND3ZFdfZqgXGnhCiCkaTaouQZLEpic+TM+YG4lsDyXy6zQXc38rqx+eNWRBKe6/SB6RyNvhMwg"
    "gZmCIymzdX6wxW7yf1O7zuM5YK271nOj2poG8wCUgWDg/G79R/jRWRg0CHzHGZJySfbCeuhrk7DLEMXrhq4Ap8hzvgeBkGRBPivt"
    "NJgnnjiy53BxVm8F3E7Pd+4I6z+7sEy289Aom8W+j/HHwQcqJ8TElc76IVeHas6lDk07bQSl+vZfZs+QywuAy4Vy9VSUYbUaaFKc"
    "32F1PtSjjGVz0Jj2nzFPYlKKUmlhIijR4i+MUhofV6ctZoTs06pIUArqZByt9o0txkPKk4ZYf1OyrqeA5P5LRG0xbC/mH1BQvK9l"
    "2K3RgWl0qMdMcWVw9T+AgArzkURuo2J+WU7bashWu8yxsH2cv1fUzgWobA2eXyJ31Bt/s0gH9XgxCw8M3dMHDa/xuYpG7Wqmgwys"
    "CMxuXN/kUzWq8HUMqRpAjtPxrJ6jKWVGsh7rfArjbhY3kF/V36hMteOV/ycE"
)


def test_a_signed_order_is_accepted() -> None:
    text = pay_crypto.request_text(
        method="POST", target="/v3/pay/transactions/native", timestamp=TIME, nonce=NONCE, body=ORDER
    )

    assert pay_crypto.is_signed(MERCHANT_KEY, text, ORDER_SIGNATURE)
    assert not pay_crypto.is_signed(MERCHANT_KEY, text.replace("990", "1"), ORDER_SIGNATURE)
    assert not pay_crypto.is_signed(PLATFORM_KEY, text, ORDER_SIGNATURE)
    assert not pay_crypto.is_signed(MERCHANT_KEY, text, "not base64")


def test_a_signed_query_covers_path_and_query() -> None:
    target = "/v3/pay/transactions/out-trade-no/SIM20231115000001?mchid=1900000109"
    text = pay_crypto.request_text(method="GET", target=target, timestamp=TIME, nonce=NONCE, body="")

    assert pay_crypto.is_signed(MERCHANT_KEY, text, QUERY_SIGNATURE)


@pytest.mark.parametrize(("body", "signature"), [(ANSWER, ANSWER_SIGNATURE), ("", EMPTY_SIGNATURE)])
def test_answers_are_signed_over_time_nonce_and_body(body: str, signature: str) -> None:
    text = pay_crypto.answer_text(timestamp=TIME, nonce=ANSWER_NONCE, body=body)

    assert pay_crypto.is_signed(PLATFORM_KEY, text, signature)


def test_a_signature_of_ours_is_accepted_by_its_public_half() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    public = (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
    signature = pay_crypto.sign(private, "文字\n")

    assert len(base64.b64decode(signature)) == 256
    assert pay_crypto.is_signed(public, "文字\n", signature)


def test_a_paid_order_is_sealed_as_the_reference_does() -> None:
    assert hashlib.sha256(PAID.encode()).hexdigest() == (
        "288a26444b1554756a1bf413b70cb8d9638a8e530518cee616886d64dad61928"
    )
    sealed = pay_crypto.encrypt_resource(
        PAID, key="0123456789abcdef0123456789ABCDEF", nonce="0123456789ab", associated_data="transaction"
    )

    assert sealed == PAID_SEALED


def test_the_members_of_an_authorization_come_in_any_order() -> None:
    header = pay_crypto.parse_authorization(
        'WECHATPAY2-SHA256-RSA2048 signature="a+b/c=",timestamp="1700000000",serial_no="5EC2",mchid="190",nonce_str="n"'
    )

    assert header == pay_crypto.Authorization(
        mch_id="190", nonce="n", timestamp=TIME, serial_no="5EC2", signature="a+b/c="
    )


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer x",
        'WECHATPAY2-SHA256-RSA2048 mchid="190"',
        'WECHATPAY2-SHA256-RSA2048 mchid="1",nonce_str="n",timestamp="soon",serial_no="5",signature="s"',
    ],
)
def test_an_authorization_that_is_not_whole_is_refused(header: str) -> None:
    assert pay_crypto.parse_authorization(header) is None
