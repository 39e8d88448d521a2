"""What the official account says: commands of other apps, and wordings of operators."""

import pytest
from django.test import Client

from apps.accounts import services
from apps.accounts.contracts import Member
from apps.accounts.errors import ReplyTextNotKnown, ReplyTextNotValid
from apps.accounts.models import ReplyText
from apps.kernel import clock, fresh
from apps.kernel.errors import ReasonMissing
from apps.kernel.models import AuditEntry
from tests.cast import Phone

pytestmark = pytest.mark.django_db


def save(key: str, text: str, reason: str = "a friendlier tone") -> None:
    services.save_reply_text(key=key, text=text, actor="staff:1", reason=reason, now=clock.now())


# --- commands


def test_a_member_asks_for_the_balance(phone: Phone) -> None:
    assert "登录" in phone.text("额度")
    services.register_member(openid=phone.openid, now=clock.now())
    for word in ("额度", "余额", "quota"):
        assert "你的额度：0" in phone.text(word)


def test_a_member_signs_in_for_the_day_by_message(phone: Phone) -> None:
    assert "登录" in phone.text("签到")
    member = services.register_member(openid=phone.openid, now=clock.now())
    assert "签到成功" in phone.text("签到")
    assert "今天已经签到过了，已连续 1 天" in phone.text("签到")
    services.freeze(user_id=member.id, actor="staff:1", reason="spam", now=clock.now())
    assert "冻结" in phone.text("签到")


def test_help_names_what_works(phone: Phone) -> None:
    for word in ("帮助", "help"):
        reply = phone.text(word)
        assert all(command in reply for command in ("登录", "额度", "签到"))
    assert "帮助" in phone.text("今天天气怎么样")


# --- wordings


def test_an_operators_wording_is_sent_at_once_and_the_default_comes_back(phone: Phone) -> None:
    save("welcome", "你好，发送 {keyword} 登录")
    assert phone.follow() == "你好，发送 登录 登录"
    services.reset_reply_text(key="welcome", actor="staff:1", reason="the old one was clearer", now=clock.now())
    phone.openid = "oAnother"
    assert phone.follow().startswith("欢迎来到圈聊")
    trail = AuditEntry.objects.filter(action="accounts.change_reply_text").order_by("id")
    assert [(entry.before, entry.after) for entry in trail] == [
        (None, {"text": "你好，发送 {keyword} 登录"}),
        ({"text": "你好，发送 {keyword} 登录"}, None),
    ]


def test_saving_the_same_again_leaves_no_trail() -> None:
    save("help", "hello")
    save("help", "hello")
    services.reset_reply_text(key="welcome", actor="staff:1", reason="nothing to do", now=clock.now())
    assert AuditEntry.objects.count() == 1


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("welcome", "{nobody}"),
        ("welcome", "{keyword.__class__}"),
        ("welcome", "{keyword!r}"),
        ("welcome", "{keyword:>9999}"),
        ("welcome", "{0}"),
        ("welcome", "{}"),
        ("welcome", "{keyword"),
        ("welcome", "  "),
        ("code", "no code in here"),
        ("scan_ask", "confirm with {yes}"),
    ],
)
def test_a_wording_that_could_not_be_sent_is_refused(key: str, text: str) -> None:
    with pytest.raises(ReplyTextNotValid):
        save(key, text)
    assert not ReplyText.objects.exists()
    assert not AuditEntry.objects.exists()


def test_unknown_keys_and_missing_reasons_are_refused() -> None:
    with pytest.raises(ReplyTextNotKnown):
        save("nothing", "x")
    with pytest.raises(ReasonMissing):
        save("help", "x", reason=" ")


def test_a_wording_for_placeholders_that_are_gone_falls_back_to_the_default(phone: Phone) -> None:
    ReplyText.objects.create(key="welcome", text="{gone}", created_at=clock.now())
    fresh.forget_all()
    assert phone.follow().startswith("欢迎来到圈聊")


def test_two_apps_cannot_claim_one_reply() -> None:
    with pytest.raises(ValueError, match="welcome"):
        services.register_reply_text(key="welcome", default="mine")


# --- the admin


def test_an_operator_words_a_reply_in_the_admin(operator_browser: Client, olga: Member, phone: Phone) -> None:
    add = "/admin/accounts/replytext/add/"
    assert "scan_ask" in operator_browser.get(add).content.decode()
    refused = operator_browser.post(add, {"key": "code", "text": "no code", "reason": "shorter"})
    assert "占位符" in refused.content.decode()
    saved = operator_browser.post(add, {"key": "help", "text": "问我吧", "reason": "shorter"})
    assert saved.status_code == 302, saved.content.decode()
    assert phone.text("帮助") == "问我吧"
    row = ReplyText.objects.get()
    change = f"/admin/accounts/replytext/{row.pk}/change/"
    assert operator_browser.get(change).status_code == 200
    assert operator_browser.post(change, {"text": "尽管问", "reason": "warmer"}).status_code == 302
    assert phone.text("帮助") == "尽管问"
    action = {"action": "back_to_default", "_selected_action": [str(row.pk)], "reason": "enough"}
    operator_browser.post("/admin/accounts/replytext/", action)
    assert not ReplyText.objects.exists()
    actors = set(AuditEntry.objects.values_list("actor", flat=True))
    assert f"staff:{olga.id}" in actors
    assert AuditEntry.objects.filter(action="accounts.change_reply_text").count() == 3


def test_a_member_does_not_reach_the_admin(alice_browser: Client) -> None:
    assert alice_browser.get("/admin/accounts/replytext/").status_code == 302
