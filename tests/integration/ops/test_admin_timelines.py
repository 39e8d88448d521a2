"""What happened to an order, a member, a draw: told by every app that knows, to operators who may know it."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from apps.accounts import services as accounts
from apps.accounts.contracts import ListKind, ListScope, Member
from apps.accounts.models import User
from apps.kernel import clock
from apps.marketing import services as marketing
from apps.marketing.contracts import PAYMENT
from apps.marketing.models import Draw
from apps.orders import services as orders
from apps.orders.contracts import OrderState
from apps.orders.models import OrderHistory, Product
from tests.cast import browser_of
from tests.integration.marketing import campaign
from tests.integration.ops.test_admin_bones import orders_of

pytestmark = pytest.mark.django_db


def told(browser: Client, address: str) -> list[str]:
    """The lines of a page's timeline."""
    return [str(one.title) for one in browser.get(address).context["timeline"]]


def an_order(buyer: Member) -> Any:
    """A paid order with its steps."""
    (order,) = orders_of([User.objects.get(pk=buyer.id)])
    for seconds, (before, after) in enumerate(
        [("", OrderState.CREATED), (OrderState.CREATED, OrderState.PAYING), (OrderState.PAYING, OrderState.DELIVERED)]
    ):
        OrderHistory.objects.create(
            created_at=order.created_at + timedelta(seconds=seconds),
            order=order,
            user_id=buyer.id,
            before=before,
            after=after,
            actor="system",
        )
    return order


def test_an_order_tells_its_steps_and_what_they_brought(alice: Member, operator_browser: Client) -> None:
    order = an_order(alice)
    marketing.save_rebate_rule(code="pay", title="付款送积分", behaviour=PAYMENT, points=5, now=clock.now())
    later = order.created_at + timedelta(seconds=9)
    marketing.grant_rebates(user_id=alice.id, behaviour=PAYMENT, behaviour_key=f"order:{order.pk}", now=later)

    lines = told(operator_browser, f"/admin/orders/order/{order.pk}/change/")

    assert lines == ["准备中", "等待支付", "已到账", "获得返利：付款送积分"]


def test_a_member_tells_what_they_did_and_what_was_done_to_them(alice: Member, operator_browser: Client) -> None:
    order = an_order(alice)
    now = order.created_at + timedelta(minutes=1)
    by: dict[str, Any] = {"actor": "staff:1", "reason": "刷屏", "now": now}
    accounts.list_member(user_id=alice.id, kind=ListKind.BLACK, scope=ListScope.DRAW, expires_at=None, **by)
    page = f"/admin/accounts/user/{alice.id}/change/"
    sup = accounts.create_operator(username="sup", password="a long demo password", roles=("support",), now=now)
    ed = accounts.create_operator(username="fin", password="a long demo password", roles=("finance",), now=now)

    lines = told(operator_browser, page)

    assert lines[0] == "注册"
    assert set(lines) == {"注册", "下单：畅聊包，1,234.56 元", "加入名单：黑名单 · 抽奖", "加入名单"}
    # Support may not read the trail; who may not look at members sees nothing of them.
    assert "加入名单" not in told(browser_of(sup.id), page)
    assert browser_of(ed.id).get(page).status_code == 403


def test_a_draw_tells_its_prize_and_whether_it_arrived(alice: Member, operator_browser: Client) -> None:
    autumn = campaign.activity()
    campaign.publish(autumn.id, campaign.sure(campaign.POINTS_PRIZE, autumn.id))
    campaign.give_chances(alice.id, autumn.id)
    campaign.draw(alice.id, autumn.id)
    draw = Draw.objects.get()

    lines = told(operator_browser, f"/admin/marketing/draw/{draw.pk}/change/")

    drew = f"抽中 {draw.prize.title}"
    assert sorted(lines) == sorted([drew, "等待发奖", "抽奖"])
    assert lines.index(drew) < lines.index("等待发奖")
    assert drew in told(operator_browser, f"/admin/accounts/user/{alice.id}/change/")


def test_a_price_tells_its_history_below_its_form(olga: Member, operator_browser: Client) -> None:
    by: dict[str, Any] = {"actor": f"staff:{olga.id}", "title": "畅聊包", "quota_milli": 1000}
    for price, reason in ((990, "开张"), (1290, "秋季价格")):
        orders.save_product(code="pack", amount_fen=price, reason=reason, now=clock.now(), **by)

    page = operator_browser.get(f"/admin/orders/product/{Product.objects.get().pk}/change/")

    made, changed = page.context["timeline"]
    assert str(made.title) == str(changed.title) == "修改商品"
    assert made.detail == "olga · 开张"
    assert changed.detail == "olga · 秋季价格 · 价格（分） 990 → 1290"
    assert changed.detail in page.content.decode()


def test_an_activity_offers_what_its_state_allows(operator_browser: Client) -> None:
    page = f"/admin/marketing/activity/{campaign.activity().id}/change/"

    def offered() -> list[str]:
        return [name for name, _words in operator_browser.get(page).context["acts"]]

    assert offered() == ["pause", "end"]
    act = {"action": "pause", "_selected_action": page.split("/")[-3], "on_its_page": "1", "reason": "投诉太多"}
    assert operator_browser.post("/admin/marketing/activity/", act).headers["Location"] == page
    assert offered() == ["start", "end"]
