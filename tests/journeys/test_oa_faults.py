"""What can go wrong between WeChat and us, on the real site: what it answers, and that nothing worse happens.

Messages are tried in plain and in safe mode. A refused permission is remembered for a while, so those tests get a
site of their own.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.member import Member, refused
from tests.site import Prepared, Site, running_site

FORGED = ["bad_signature", "bad_msg_signature", "wrong_appid_inside", "stale_timestamp"]
UNREADABLE = ["malformed_xml", "entity_bomb"]
# WeChat's trouble: the QR code is not offered, the code way goes on.
TROUBLE = ["token_invalid_forever", "quota", "busy", "http500", "timeout"]
CODE = re.compile(r"\b[A-Z2-9]{6}\b")


@pytest.fixture(scope="module")
def safe_site(tmp_path_factory: pytest.TempPathFactory, prepared: Prepared) -> Iterator[Site]:
    """A site whose account is in safe mode: every message is encrypted."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("WECHAT_OA_MODE", "safe")
        with running_site(tmp_path_factory.mktemp("safe-site"), like=prepared) as running:
            yield running


@contextmanager
def newcomer(site: Site) -> Iterator[Member]:
    """Somebody who has not signed in yet; all faults are off before and after."""
    with Member(site.url) as somebody:
        somebody.http.delete("/sandbox/faults").raise_for_status()
        yield somebody
        somebody.http.delete("/sandbox/faults").raise_for_status()


@pytest.fixture
def visitor(site: Site) -> Iterator[Member]:
    """A newcomer where messages are in plain mode."""
    with newcomer(site) as somebody:
        yield somebody


@pytest.fixture(params=["site", "safe_site"])
def member(request: pytest.FixtureRequest) -> Iterator[Member]:
    """A newcomer in plain and in safe mode."""
    with newcomer(request.getfixturevalue(request.param)) as somebody:
        yield somebody


def switch(member: Member, fault: str, **times: int) -> None:
    member.post("/sandbox/faults", {"name": fault, **times})


def become(member: Member, kind: str, *, is_verified: bool) -> None:
    answer = member.http.put("/sandbox/account", json={"kind": kind, "is_verified": is_verified})
    answer.raise_for_status()


def open_attempt(member: Member) -> dict[str, Any]:
    attempt: dict[str, Any] = member.post("/api/v1/auth/login-attempts")
    return attempt


def state_of(member: Member, attempt: dict[str, Any]) -> str:
    """Ask where the attempt stands; asking is what signs a confirmed browser in."""
    return str(member.get(f"/api/v1/auth/login-attempts/{attempt['id']}")["state"])


def type_code(member: Member, attempt: dict[str, Any], replies: list[str]) -> Any:
    code = CODE.search(" ".join(replies))
    assert code, replies
    return member.post(f"/api/v1/auth/login-attempts/{attempt['id']}/code", {"code": code[0]})


def assert_nobody_is_signed_in(member: Member) -> None:
    with refused("not_authenticated"):
        member.get("/api/v1/me")


def scanned(member: Member) -> dict[str, Any]:
    """An attempt whose QR code this member has scanned."""
    attempt = open_attempt(member)
    told = member.phone("scan", content=attempt["qr_content"])
    assert told["kind"] == "login"
    assert len(told["replies"]) == 1
    assert state_of(member, attempt) == "scanned"
    return attempt


# -- Messages on their way to the site ----------------------------------------------------------------


@pytest.mark.parametrize("fault", FORGED)
def test_a_forged_message_is_refused_and_gets_no_code(member: Member, fault: str) -> None:
    attempt = open_attempt(member)
    member.phone("follow")
    switch(member, fault, times=1)

    told = member.phone("text", content=attempt["keyword"])

    assert told["fault"] == fault
    assert [(each["status"], each["reply"]) for each in told["callbacks"]] == [(403, None)]
    assert_nobody_is_signed_in(member)
    assert member.sign_in()


@pytest.mark.parametrize("fault", FORGED)
def test_a_forged_confirmation_lets_nobody_in(member: Member, fault: str) -> None:
    attempt = scanned(member)
    switch(member, fault, times=1)

    told = member.phone("confirm", content=attempt["qr_content"], number=attempt["confirm_number"])

    assert [each["status"] for each in told["callbacks"]] == [403]
    assert state_of(member, attempt) == "scanned"
    assert_nobody_is_signed_in(member)


@pytest.mark.parametrize("fault", UNREADABLE)
def test_an_unreadable_message_is_taken_and_ignored(member: Member, fault: str) -> None:
    attempt = open_attempt(member)
    member.phone("follow")
    switch(member, fault, times=1)

    told = member.phone("text", content=attempt["keyword"])

    # "success" and no reply: WeChat is not asked to send such a thing again.
    [callback] = told["callbacks"]
    assert (callback["status"], callback["reply"], callback["trouble"]) == (200, None, "")
    assert callback["milliseconds"] < 4000
    assert told["replies"] == []
    assert_nobody_is_signed_in(member)
    assert member.sign_in()


def test_a_message_that_arrives_twice_at_once_gets_the_same_reply_twice(member: Member) -> None:
    attempt = open_attempt(member)
    member.phone("follow")
    switch(member, "dup", times=1)

    told = member.phone("text", content=attempt["keyword"])

    first, second = told["callbacks"]
    assert first["status"] == second["status"] == 200
    assert first["reply"] == second["reply"]
    # The code of that reply is the living one: the twin did not replace it.
    assert type_code(member, attempt, told["replies"])["user"]


def test_a_scan_and_a_confirmation_that_arrive_twice_at_once_sign_one_browser_in(member: Member) -> None:
    switch(member, "dup", times=2)
    attempt = scanned(member)

    told = member.phone("confirm", content=attempt["qr_content"], number=attempt["confirm_number"])

    first, second = told["callbacks"]
    assert first["reply"] == second["reply"]
    assert state_of(member, attempt) == "confirmed"
    assert member.get("/api/v1/me")["id"]


def test_a_message_sent_again_after_five_seconds_gets_the_reply_of_the_first(member: Member) -> None:
    attempt = open_attempt(member)
    member.phone("follow")
    switch(member, "slow_client", times=1)

    told = member.phone("text", content=attempt["keyword"])

    assert [each["status"] for each in told["callbacks"]] == [None, 200]
    assert type_code(member, attempt, told["replies"])["user"]


# -- Login codes --------------------------------------------------------------------------------------


def test_an_expired_ticket_leaves_the_attempt_as_it_was(member: Member) -> None:
    attempt = open_attempt(member)
    switch(member, "expired_ticket", times=1)

    with refused("code_expired"):
        member.phone("scan", content=attempt["qr_content"])

    assert state_of(member, attempt) == "waiting"
    told = member.phone("text", content=attempt["keyword"])
    assert type_code(member, attempt, told["replies"])["user"]


def test_a_scan_that_overtakes_the_answer_is_a_scan_like_any_other(member: Member) -> None:
    member.phone("follow")
    switch(member, "out_of_order", times=1)

    attempt = open_attempt(member)

    assert state_of(member, attempt) == "scanned"
    assert_nobody_is_signed_in(member)
    member.phone("confirm", content=attempt["qr_content"], number=attempt["confirm_number"])
    assert state_of(member, attempt) == "confirmed"
    assert member.get("/api/v1/me")["id"]


# -- WeChat's answers ---------------------------------------------------------------------------------


def test_a_token_that_is_refused_once_is_renewed(visitor: Member) -> None:
    switch(visitor, "token_invalid", times=1)

    assert "qr" in open_attempt(visitor)["methods"]
    assert not any(fault["is_on"] for fault in visitor.get("/sandbox/faults")), "the fault has not struck"


@pytest.mark.parametrize("fault", TROUBLE)
def test_while_wechat_has_trouble_the_code_way_stays(visitor: Member, fault: str) -> None:
    switch(visitor, fault)

    attempt = open_attempt(visitor)

    assert attempt["methods"] == ["code"]
    assert "qr_content" not in attempt
    told = visitor.phone("text", content=attempt["keyword"])
    assert type_code(visitor, attempt, told["replies"])["user"]
    visitor.http.delete("/sandbox/faults")
    assert "qr" in open_attempt(visitor)["methods"]


@pytest.mark.parametrize("fault", ["quota", "no_permission", "busy", "http500", "timeout"])
def test_while_wechat_has_trouble_its_browser_gets_the_sign_in_page(visitor: Member, fault: str) -> None:
    back = address_with_code(visitor)
    switch(visitor, fault)

    answer = visitor.http.get(back)

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/login/")
    assert_nobody_is_signed_in(visitor)
    visitor.http.delete("/sandbox/faults")
    visitor.http.get(address_with_code(visitor))
    assert visitor.get("/api/v1/me")["id"]


def test_what_kind_of_account_it_is_decides_which_ways_there_are(own_site: Site) -> None:
    with Member(own_site.url) as somebody:
        become(somebody, "service", is_verified=True)
        assert open_attempt(somebody)["methods"] == ["code", "qr"]

        become(somebody, "subscription", is_verified=False)
        attempt = open_attempt(somebody)
        assert attempt["methods"] == ["code"]
        assert somebody.http.get(somebody.http.get("/login/wechat/").headers["Location"]).status_code == 400
        told = somebody.phone("text", content=attempt["keyword"])
        assert type_code(somebody, attempt, told["replies"])["user"]


def test_without_the_permission_the_code_way_stays(own_site: Site) -> None:
    with Member(own_site.url) as somebody:
        switch(somebody, "no_permission")

        assert open_attempt(somebody)["methods"] == ["code"]
        assert somebody.sign_in()


# -- The same ways with nothing wrong -----------------------------------------------------------------


def test_a_stranger_scans_follows_and_confirms(visitor: Member) -> None:
    attempt = scanned(visitor)

    visitor.phone("confirm", content=attempt["qr_content"], number=attempt["confirm_number"])

    assert state_of(visitor, attempt) == "confirmed"
    assert visitor.get("/api/v1/me")["id"]


def test_who_refuses_lets_nobody_in(visitor: Member) -> None:
    attempt = scanned(visitor)

    visitor.phone("confirm", content=attempt["qr_content"], answer="refuse")
    visitor.phone("confirm", content=attempt["qr_content"], number=attempt["confirm_number"])

    assert state_of(visitor, attempt) == "refused"
    assert_nobody_is_signed_in(visitor)


def test_only_the_browser_that_began_is_signed_in(visitor: Member) -> None:
    attempt = scanned(visitor)
    visitor.phone("confirm", content=attempt["qr_content"], number=attempt["confirm_number"])

    with Member(str(visitor.http.base_url)) as other:
        with refused("login_attempt_not_found"):
            state_of(other, attempt)
        assert_nobody_is_signed_in(other)
    assert state_of(visitor, attempt) == "confirmed"


def address_with_code(member: Member) -> str:
    """Where WeChat's browser comes back to, after this member's WeChat was asked who they are."""
    asked = member.http.get("/login/wechat/").headers["Location"].partition("#")[0]
    back = member.http.get(f"{asked}&openid={member.openid}")
    assert back.status_code == 302, back.text[:300]
    return str(back.headers["Location"])


def test_inside_wechat_one_tap_signs_in(visitor: Member) -> None:
    answer = visitor.http.get(address_with_code(visitor))

    assert answer.status_code == 302
    assert visitor.get("/api/v1/me")["id"]


def test_somebody_elses_answer_of_wechat_signs_nobody_in(visitor: Member) -> None:
    back = address_with_code(visitor)

    with Member(str(visitor.http.base_url)) as other:
        assert other.http.get(back).headers["Location"].startswith("/login/")
        assert_nobody_is_signed_in(other)
        # Nor with a state of the other's own.
        own = parse_qs(urlsplit(address_with_code(other)).query)
        code = parse_qs(urlsplit(back).query)["code"][0]
        visitor.http.get(back)
        other.http.get("/login/wechat/back", params={"code": code, "state": own["state"][0]})
        assert_nobody_is_signed_in(other)
