"""Sessions and login history: seen by their owner only, ended at once."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from apps.accounts import rules, services
from apps.accounts.contracts import ListKind, ListScope, LoginOutcome, Member, SignInMethod
from apps.accounts.errors import MemberBlocked
from apps.accounts.models import LoginEvent, MemberSession, User
from apps.kernel import audit, clock
from apps.kernel.ids import UserId
from apps.kernel.models import AuditEntry
from tests.cast import Phone

pytestmark = pytest.mark.django_db

SESSIONS, LOGINS = "/api/v1/me/sessions", "/api/v1/me/logins"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 MicroMessenger/8.0.49"


def sign_in(phone: Phone, *, agent: str = WINDOWS, address: str = "203.0.113.77") -> Client:
    """A new browser in which the follower has signed in with a code."""
    browser = Client(headers={"User-Agent": agent}, REMOTE_ADDR=address)
    attempt = browser.post("/api/v1/auth/login-attempts", {}, content_type="application/json").json()
    code = {"code": phone.login_code()}
    answer = browser.post(f"/api/v1/auth/login-attempts/{attempt['id']}/code", code, content_type="application/json")
    assert answer.status_code == 200, answer.content
    return browser


def rows(browser: Client, path: str = SESSIONS) -> list[dict[str, Any]]:
    answer = browser.get(path)
    assert answer.status_code == 200, answer.content
    body: Any = answer.json()
    return list(body["results"] if isinstance(body, dict) else body)


def test_a_member_sees_where_they_are_signed_in_coarsely(phone: Phone) -> None:
    desk = sign_in(phone)
    pocket = sign_in(phone, agent=PHONE, address="2001:db8:1:2:3::4")

    assert [(row["browser"], row["network"], row["is_current"]) for row in rows(desk)] == [
        ("WeChat · iPhone", "2001:db8:1::/48", False),
        ("Chrome · Windows", "203.0.113.0/24", True),
    ]
    assert {row["method"] for row in rows(pocket)} == {"code"}


@pytest.mark.parametrize(
    ("language", "texts"), [("zh-hans", ("未知设备", "未知网络")), ("en", ("Unknown device", "unknown network"))]
)
def test_what_cannot_be_named_reads_well(phone: Phone, language: str, texts: tuple[str, str]) -> None:
    program = sign_in(phone, agent="curl/8.5.0", address="")

    page = program.get("/account/security/", headers={"Accept-Language": language}).content.decode()

    # Once among the sessions, once in the history.
    assert [page.count(text) for text in (">unknown<", *texts)] == [0, 2, 2]
    assert rows(program)[0]["browser"] == "unknown"


def test_neither_the_session_key_nor_the_whole_user_agent_is_kept(phone: Phone) -> None:
    browser = sign_in(phone)

    row = MemberSession.objects.get()
    kept = " ".join(str(value) for value in vars(row).values())
    assert browser.cookies["sessionid"].value not in kept
    assert "AppleWebKit" not in kept
    assert "203.0.113.77" not in kept


def test_a_revoked_session_ends_at_once(phone: Phone) -> None:
    here, there = sign_in(phone), sign_in(phone, agent=PHONE)
    other = next(row for row in rows(here) if not row["is_current"])

    assert here.delete(f"{SESSIONS}/{other['id']}").status_code == 204

    assert there.get("/api/v1/me").status_code == 401
    assert here.get("/api/v1/me").status_code == 200
    assert Session.objects.count() == 1
    assert [row["id"] for row in rows(here)] != [other["id"]]
    again = here.delete(f"{SESSIONS}/{other['id']}")
    assert (again.status_code, again.json()["code"]) == (404, "session_not_found")


def test_all_others_end_together(phone: Phone) -> None:
    here, *others = [sign_in(phone) for _ in range(4)]

    assert here.delete(SESSIONS).status_code == 204

    assert [browser.get("/api/v1/me").status_code for browser in others] == [401, 401, 401]
    assert [row["is_current"] for row in rows(here)] == [True]


def test_signing_out_and_signing_in_again_leave_one_session(phone: Phone) -> None:
    browser = sign_in(phone)
    browser.post("/api/v1/auth/logout")
    assert MemberSession.objects.get().revoked_at is not None

    attempt = browser.post("/api/v1/auth/login-attempts", {}, content_type="application/json").json()
    for _ in range(2):  # the second time over the first session
        browser.post(
            f"/api/v1/auth/login-attempts/{attempt['id']}/code",
            {"code": phone.login_code()},
            content_type="application/json",
        )
        attempt = browser.post("/api/v1/auth/login-attempts", {}, content_type="application/json").json()
    assert MemberSession.objects.filter(revoked_at=None).count() == 1
    assert len(rows(browser)) == 1


def test_a_stranger_neither_sees_nor_ends_a_session(
    phone: Phone, bob_browser: Client, operator_browser: Client
) -> None:
    browser = sign_in(phone)
    (mine,) = rows(browser)

    for other in (bob_browser, operator_browser):
        assert rows(other) == []
        assert other.delete(f"{SESSIONS}/{mine['id']}").status_code == 404
        assert other.delete(SESSIONS).status_code == 204
        assert rows(other, LOGINS) == []
    for path in (SESSIONS, LOGINS):
        assert Client().get(path).status_code == 401
    assert Client().delete(SESSIONS).status_code == 401
    assert Client().delete(f"{SESSIONS}/{mine['id']}").status_code == 401
    assert browser.get("/api/v1/me").status_code == 200


def test_last_seen_is_written_at_most_every_five_minutes(
    phone: Phone, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = sign_in(phone)
    before = MemberSession.objects.get().last_seen_at
    with django_assert_num_queries(3):  # session, user, profile
        browser.get("/api/v1/me")
    assert MemberSession.objects.get().last_seen_at == before

    later = clock.now() + timedelta(minutes=6)
    monkeypatch.setattr(clock, "now", lambda: later)
    browser.get("/api/v1/me")
    assert MemberSession.objects.get().last_seen_at == later


def test_sign_ins_are_remembered_half_a_year(phone: Phone) -> None:
    browser = sign_in(phone)
    for _ in range(2):
        sign_in(phone, agent=PHONE)

    assert [row["browser"] for row in rows(browser, LOGINS)] == ["WeChat · iPhone"] * 2 + ["Chrome · Windows"]
    first = browser.get(f"{LOGINS}?size=2").json()
    assert [len(first["results"]), len(browser.get(first["next"]).json()["results"])] == [2, 1]

    services.forget_old_access(now=clock.now() + timedelta(days=179))
    assert LoginEvent.objects.count() == 3
    services.forget_old_access(now=clock.now() + timedelta(days=181))
    assert (LoginEvent.objects.count(), MemberSession.objects.count()) == (0, 0)


def test_a_session_is_shown_and_kept_until_it_has_run_out(phone: Phone) -> None:
    browser = sign_in(phone)
    row = MemberSession.objects.get()
    Session.objects.create(session_key="over", session_data="", expire_date=clock.now() - timedelta(seconds=1))
    end = row.last_seen_at + rules.SESSION_LIFETIME
    assert browser.cookies["sessionid"]["max-age"] == rules.SESSION_LIFETIME.total_seconds()

    def shown(now: Any) -> int:
        return len(services.sessions_of(user_id=UserId(row.user_id), session_key=None, now=now))

    assert [shown(end - timedelta(seconds=1)), shown(end)] == [1, 0]
    services.forget_old_access(now=end)
    assert MemberSession.objects.get() == row
    assert [session.session_key for session in Session.objects.all()] == [browser.cookies["sessionid"].value]
    assert services.forget_old_access(now=end + timedelta(seconds=1)) == 1


def test_an_operator_ends_one_session_and_once(phone: Phone) -> None:
    desk, pocket = sign_in(phone), sign_in(phone, agent=PHONE)
    other = sign_in(Phone("oSomebodyElse"))
    ended = next(row for row in rows(pocket) if row["is_current"])["id"]
    now = clock.now()

    for later in (now, now + timedelta(minutes=1)):
        services.revoke_session_as_operator(session_id=ended, actor=audit.SYSTEM, reason="stolen", now=later)

    assert [browser.get("/api/v1/me").status_code for browser in (desk, pocket, other)] == [200, 401, 200]
    assert [len(rows(browser)) for browser in (desk, other)] == [1, 1]
    assert MemberSession.objects.get(pk=ended).revoked_at == now
    entry = AuditEntry.objects.get(action="accounts.revoke_session")
    assert entry.before == {"browser": "WeChat · iPhone", "network": "203.0.113.0/24"}


def test_who_may_not_sign_in_is_refused_and_keeps_what_they_had(phone: Phone, alice: Member) -> None:
    browser = sign_in(phone)
    key = browser.cookies["sessionid"].value
    now = clock.now()
    services.list_member(
        user_id=alice.id, kind=ListKind.BLACK, scope=ListScope.LOGIN, actor="staff:x", reason="stolen", now=now
    )
    start = partial(services.start_session, method=SignInMethod.CODE, old_key=key, address="", user_agent="", now=now)

    with pytest.raises(MemberBlocked):
        start(user_id=alice.id)

    assert LoginEvent.objects.get(user_id=alice.id).outcome == LoginOutcome.BLOCKED
    assert browser.get("/api/v1/me").status_code == 200
    assert MemberSession.objects.get().revoked_at is None


def test_a_new_session_is_signed_in_under_its_key_alone(phone: Phone, alice: Member) -> None:
    browser = sign_in(phone)
    old_key, now = browser.cookies["sessionid"].value, clock.now()

    started = services.start_session(
        user_id=alice.id, method=SignInMethod.CODE, old_key=old_key, address="", user_agent="", now=now
    )

    assert browser.get("/api/v1/me").status_code == 401
    browser.cookies["sessionid"] = started.key
    assert browser.get("/api/v1/me").json()["id"] == str(alice.id)
    assert Session.objects.count() == 1
    assert User.objects.get(pk=alice.id).last_login == now
