"""What the admin calls chat's rows, and what became of them: in the operator's language, no codes."""

import re
from html import unescape

import pytest
from django.test import Client

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.models import ChatPolicy, ChatRule, Report
from apps.chat.rules.reports import ReportReason, ReportState
from apps.kernel import clock
from tests.integration.chat.conftest import send, set_limits
from tests.integration.chat.test_asking import finish

pytestmark = pytest.mark.django_db

OPERATOR = "staff:olga"


def shown(browser: Client, address: str) -> tuple[str, str]:
    """The heading of a row's page in Chinese, and the whole page."""
    html = unescape(browser.get(f"/admin/chat/{address}/change/", headers={"accept-language": "zh-hans"}).text)
    heading = re.search(r"<h2[^>]*>(.*?)</h2>", html, re.DOTALL)
    assert heading
    return " ".join(heading[1].split()), html


def test_a_report_is_called_by_its_reason_and_deadline(
    rich_alice: Member, model: str, operator_browser: Client
) -> None:
    asked = send(rich_alice.id)
    assert finish(asked.generation.id, text="an answer")
    made = services.report_answer(
        user_id=rich_alice.id,
        generation_id=asked.generation.id,
        reason=ReportReason.ILLEGAL,
        note="",
        now=clock.now(),
    )
    services.decide_report(
        report_id=made.id,
        state=ReportState.UPHELD,
        result="下架了。",
        actor=OPERATOR,
        reason="看过了",
        now=clock.now(),
    )
    report = Report.objects.get(pk=made.id)

    heading, html = shown(operator_browser, f"report/{report.pk}")

    assert re.fullmatch(r"违法 · \d{4}-\d\d-\d\d \d\d:\d\d", heading)
    assert "Illegal" not in html
    assert f"{asked.generation.id} 已完成" in html
    assert "状态 待处理 → 属实" in html


def test_a_rule_and_the_limits_are_called_by_their_names(operator_browser: Client) -> None:
    services.ensure_rules(now=clock.now())
    services.save_rule(code="frequency", is_on=False, place=None, actor=OPERATOR, reason="维护", now=clock.now())
    set_limits(free_per_day=3)
    rule = ChatRule.objects.get(code="frequency")

    heading, html = shown(operator_browser, f"chatrule/{rule.pk}")

    assert heading == "频率限制"
    assert "启用 是 → 否" in html
    assert shown(operator_browser, f"chatpolicy/{ChatPolicy.objects.get().pk}")[0] == "对话限制"
