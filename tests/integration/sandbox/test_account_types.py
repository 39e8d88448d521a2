"""What kind of account ours is, and web OAuth, which only one kind may use."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.test import Client

from apps.kernel import clock
from apps.sandbox.models import OAuthCode
from tests.integration.sandbox.test_official_account import ME, Press, call, qr, stable_token

AUTHORIZE = "/sandbox/wechat/connect/oauth2/authorize"
EXCHANGE = "/sandbox/wechat/sns/oauth2/access_token"


def become(kind: str, is_verified: bool) -> Any:
    answer = Client().put(
        "/sandbox/account", {"kind": kind, "is_verified": is_verified}, content_type="application/json"
    )
    assert answer.status_code == 200, answer.content
    return answer.json()


def authorize_query(**changes: str) -> dict[str, str]:
    return {
        "appid": settings.WECHAT_OA["APP_ID"],
        "redirect_uri": f"{settings.PUBLIC_URL}/login/wechat/back/?next=/shop/",
        "response_type": "code",
        "scope": "snsapi_base",
        "state": "s 1&2",
        **changes,
    }


def code_of(openid: str = ME) -> str:
    answer = Client().get(AUTHORIZE, authorize_query(openid=openid))
    assert answer.status_code == 302
    return parse_qs(urlsplit(answer["Location"]).query)["code"][0]


def exchange(code: str, **changes: str) -> Any:
    account = settings.WECHAT_OA
    query = {"appid": account["APP_ID"], "secret": account["APP_SECRET"], "grant_type": "authorization_code"}
    return Client().get(EXCHANGE, {**query, "code": code, **changes}).json()


@pytest.mark.django_db
def test_at_first_the_account_may_do_everything() -> None:
    account = Client().get("/sandbox/account").json()

    assert (account["kind"], account["is_verified"]) == ("service", True)
    assert set(account["permissions"].values()) == {True}


@pytest.mark.parametrize(
    ("kind", "is_verified", "may"),
    [
        ("subscription", False, set()),
        ("subscription", True, {"user_info", "service_message"}),
        ("service", False, set()),
        ("service", True, {"user_info", "service_message", "qr_code", "web_oauth"}),
    ],
)
def test_the_kind_of_account_decides_what_the_site_may_call(
    kind: str,
    is_verified: bool,
    may: set[str],
    press: Press,
) -> None:
    press(ME, "follow")
    code = code_of()

    account = become(kind, is_verified)

    token = stable_token()
    message = {"touser": ME, "msgtype": "text", "text": {"content": "hello"}}
    answers = {
        "user_info": call("user/info", access_token=token, openid=ME),
        "service_message": call("message/custom/send", message, access_token=token),
        "qr_code": call("qrcode/create", qr(), access_token=token),
        "web_oauth": exchange(code),
    }
    assert {name for name, answer in answers.items() if answer.get("errcode", 0) == 0} == may
    assert {answer["errcode"] for name, answer in answers.items() if name not in may} <= {48001}
    assert {name for name, allowed in account["permissions"].items() if allowed} == may
    assert Client().get(AUTHORIZE, authorize_query()).status_code == (200 if "web_oauth" in may else 400)


@pytest.mark.django_db
@pytest.mark.parametrize("body", [{"kind": "cafe", "is_verified": True}, {"kind": "service"}])
def test_there_are_no_other_kinds(body: dict[str, Any]) -> None:
    assert Client().put("/sandbox/account", body, content_type="application/json").status_code == 400


@pytest.mark.django_db
def test_a_program_is_sent_back_at_once_with_a_code_and_its_state() -> None:
    answer = Client().get(AUTHORIZE, authorize_query(openid=ME))

    target = urlsplit(answer["Location"])
    assert f"{target.scheme}://{target.netloc}" == settings.PUBLIC_URL
    assert target.path == "/login/wechat/back/"
    query = parse_qs(target.query)
    assert (query["next"], query["state"]) == (["/shop/"], ["s 1&2"])


@pytest.mark.django_db
def test_a_person_chooses_whose_wechat_it_is() -> None:
    client = Client(headers={"Accept-Language": "en"})
    held, other = (
        client.post("/sandbox/phone/", {"nickname": name}, content_type="application/json").json()["openid"]
        for name in ("Lin", "Bo")
    )
    client.cookies["sandbox_openid"] = other

    page = client.get(AUTHORIZE, authorize_query()).content.decode()

    assert page.index(f"openid={other}") < page.index(f"openid={held}")
    assert "in use" in page
    assert OAuthCode.objects.count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"appid": "wx0"}, "10012"),
        ({"redirect_uri": "https://evil.example/"}, "10003"),
        ({"redirect_uri": "//evil.example/"}, "10003"),
        ({"redirect_uri": f"{settings.PUBLIC_URL}.evil.example/"}, "10003"),
        ({"response_type": "token"}, "10011"),
        ({"scope": "snsapi_userinfo"}, "10005"),
        ({"openid": "not an openid"}, "10006"),
        ({"state": "s" * 129}, "10013"),
    ],
)
def test_a_request_that_does_not_fit_the_account_opens_nothing(changes: dict[str, str], errcode: str) -> None:
    answer = Client().get(AUTHORIZE, authorize_query(**{"openid": ME, **changes}))

    assert answer.status_code == 400
    assert errcode in answer.content.decode()
    assert not OAuthCode.objects.exists()


@pytest.mark.django_db
def test_a_code_is_good_for_one_openid_once() -> None:
    code = code_of("oSomebody")

    assert exchange(code)["openid"] == "oSomebody"
    assert exchange(code)["errcode"] == 40163


@pytest.mark.django_db
def test_a_made_up_or_old_code_is_good_for_nothing() -> None:
    code = code_of()
    OAuthCode.objects.update(expires_at=clock.now() - timedelta(seconds=1))

    assert exchange(code)["errcode"] == 40029
    assert exchange("made up")["errcode"] == 40029


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "errcode"),
    [({"appid": "wx0"}, 40013), ({"secret": "guess"}, 40125), ({"grant_type": "password"}, 40002)],
)
def test_who_is_not_the_site_trades_nothing(changes: dict[str, str], errcode: int) -> None:
    code = code_of()

    assert exchange(code, **changes)["errcode"] == errcode
    assert exchange(code)["openid"] == ME


def test_an_owner_is_renamed(press: Press) -> None:
    client = Client()
    press(ME, "follow")

    answer = client.patch(f"/sandbox/phone/{ME}", {"nickname": "小满"}, content_type="application/json")

    assert answer.json() == {"openid": ME, "nickname": "小满", "is_following": True}
    assert client.patch(f"/sandbox/phone/{ME}", {}, content_type="application/json").status_code == 400
