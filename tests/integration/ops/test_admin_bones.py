"""What every page of the admin is made of: lists that cost the same however long, words, tasks, acts that fit."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts import services as accounts
from apps.accounts.contracts import Member
from apps.accounts.models import Person, User
from apps.kernel import clock, configuration
from apps.kernel.admin import ACT, Codes
from apps.kernel.models import AuditEntry
from apps.orders import services as orders
from apps.orders.contracts import OrderState
from apps.orders.models import Order, Product
from tests.cast import browser_of

pytestmark = pytest.mark.django_db

ORDERS = "/admin/orders/order/"
TRAIL = "/admin/kernel/auditentry/"


def people(count: int) -> list[User]:
    """So many members, each with a name of their own."""
    now = clock.now()
    persons = Person.objects.bulk_create(Person(created_at=now) for _ in range(count))
    return User.objects.bulk_create(
        User(created_at=now, person=person, nickname=f"会员{number}") for number, person in enumerate(persons)
    )


def orders_of(buyers: list[User], state: OrderState = OrderState.DELIVERED) -> list[Order]:
    """An order of each."""
    now = clock.now()
    orders.save_product(code="pack", title="畅聊包", amount_fen=990, quota_milli=100_500, now=now)
    product = Product.objects.get()
    return Order.objects.bulk_create(
        Order(
            created_at=now,
            user=buyer,
            product=product,
            gateway="wechat",
            state=state,
            title=product.title,
            amount_fen=123_456,
            currency="CNY",
            quota_milli=product.quota_milli,
            out_trade_no=f"T{buyer.pk.hex[-20:]}",
            request_id=str(buyer.pk),
            expires_at=now + timedelta(hours=2),
            paid_at=now,
            delivered_at=now if state == OrderState.DELIVERED else None,
        )
        for buyer in buyers
    )


def trail_of(people: list[User]) -> None:
    """Something that each of them did."""
    AuditEntry.objects.bulk_create(
        AuditEntry(
            created_at=clock.now(),
            actor=f"staff:{person.pk}",
            action="orders.save_product",
            target_type="product",
            target_id="1",
            reason="because",
        )
        for person in people
    )


def asked_for(browser: Client, address: str) -> list[str]:
    """The queries behind a page."""
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(address).status_code == 200
    return [query["sql"] for query in queries.captured_queries]


@pytest.mark.parametrize("address", [ORDERS, TRAIL, "/admin/accounts/user/"])
def test_a_long_list_asks_no_more_than_a_short_one(address: str, operator_browser: Client) -> None:
    some, many = people(10), people(190)
    orders_of(some)
    trail_of(some)
    operator_browser.get(address)
    short = asked_for(operator_browser, address)
    orders_of(many)
    trail_of(many)

    long = asked_for(operator_browser, address)

    assert len(long) == len(short)
    assert not [query for query in long if "COUNT(" in query.upper()]


def test_pages_follow_each_other_without_a_count(operator_browser: Client) -> None:
    trail_of(people(120))
    address, seen = TRAIL, []
    while address:
        shown = operator_browser.get(address).context["cl"]
        seen += [row.pk for row in shown.result_list]
        address = TRAIL + shown.next_page if shown.next_page else ""

    assert len(seen) == len(set(seen)) == AuditEntry.objects.count()
    for nowhere in ("0", "-1", "99", "9" * 40):
        assert operator_browser.get(TRAIL, {"p": nowhere}, follow=True).status_code == 200


def test_a_list_is_written_in_words(operator_browser: Client) -> None:
    (buyer,) = people(1)
    orders_of([buyer])
    trail_of([buyer])

    page = operator_browser.get(ORDERS).content.decode()

    assert '<span class="badge badge--ok">已到账</span>' in page
    assert f'<a href="/admin/accounts/user/{buyer.pk}/change/">会员0</a>' in page
    assert "金额（元）" in page
    assert "1,234.56" in page
    assert ">100.5<" in operator_browser.get("/admin/orders/product/").content.decode()
    assert ">会员0</a>" in operator_browser.get(TRAIL).content.decode()


def test_codes_stand_in_words(operator_browser: Client) -> None:
    trail_of(people(1))

    page = operator_browser.get(TRAIL).content.decode()

    assert "修改商品" in page
    assert ">orders.save_product<" not in page  # neither in its column nor on a chip
    assert operator_browser.get(TRAIL, {"action": "orders.save_product"}).context["cl"].result_count == 1


def test_every_act_of_the_trail_has_words() -> None:
    """Acts that a service names in its call, and those of configuration."""
    sources = [path.read_text() for path in Path("apps").rglob("*.py") if "migrations" not in path.parts]
    acts = {act for source in sources for act in re.findall(r'action="([a-z]+[.][a-z_]+)"', source)}
    acts |= {act for trail in configuration.trails() for act in trail.actions}

    assert len(acts) > 20
    assert [act for act in sorted(acts) if not Codes(ACT).get(act)] == []


def test_a_list_offers_what_the_operator_may_do(operator_browser: Client) -> None:
    orders_of(people(1))
    fin = accounts.create_operator(username="fin", password="a long demo password", roles=("support",), now=clock.now())

    assert 'value="deliver_now"' in operator_browser.get(ORDERS).content.decode()
    assert 'value="deliver_now"' not in browser_of(fin.id).get(ORDERS).content.decode()


def test_names_lead_nowhere_for_who_may_not_look(operator_browser: Client) -> None:
    (buyer,) = people(1)
    orders_of([buyer])
    fin = accounts.create_operator(username="fin", password="a long demo password", roles=("finance",), now=clock.now())

    page = browser_of(fin.id).get(ORDERS).content.decode()

    assert "会员0" in page
    assert f"/admin/accounts/user/{buyer.pk}" not in page


def test_an_empty_list_says_what_will_stand_there(operator_browser: Client) -> None:
    empty = operator_browser.get(ORDERS).content.decode()
    orders_of(people(1))
    filtered = operator_browser.get(ORDERS, {"state__exact": "closed"}).content.decode()

    assert "还没有人下单" in empty
    assert "没有符合条件的内容" in filtered
    assert "还没有人下单" not in filtered


def tasks(browser: Client) -> dict[str, list[str]]:
    """The navigation: what stands under which task."""
    index = browser.get("/admin/")
    return {task["name"]: [row["object_name"] for row in task["models"]] for task in index.context["app_list"]}


def test_navigation_is_by_task_and_hides_what_the_operator_may_not_see(operator_browser: Client) -> None:
    made: Any = accounts.create_operator
    fin = made(username="fin", password="a long demo password", roles=("finance",), now=clock.now())
    nobody = made(username="new", password="a long demo password", roles=(), now=clock.now())

    everything = tasks(operator_browser)
    theirs = tasks(browser_of(fin.id))

    assert list(everything) == ["今天", "对话", "订单", "营销", "会员", "系统"]
    assert everything["订单"] == ["Order", "Product", "OrderHistory", "Payment", "Notification"]
    assert "Account" in everything["系统"]
    assert list(theirs) == ["今天", "订单", "营销", "系统"]
    assert theirs["营销"] == ["Adjustment", "ExchangeOrder", "Delivery"]
    assert tasks(browser_of(nobody.id)) == {}
    assert "请联系管理员分配角色" in browser_of(nobody.id).get("/admin/").content.decode()


def offered(browser: Client, address: str) -> set[str]:
    return {name for name, _words in browser.get(address).context["acts"]}


def test_a_page_offers_what_makes_sense_now_to_who_may_do_it(alice: Member, operator_browser: Client) -> None:
    paid, delivered = orders_of(people(2), OrderState.PAID)
    Order.objects.filter(pk=delivered.pk).update(state=OrderState.DELIVERED, delivered_at=clock.now())
    page = "/admin/orders/order/{}/change/"
    auditor = accounts.create_operator(
        username="aud", password="a long demo password", roles=("auditor",), now=clock.now()
    )

    assert offered(operator_browser, page.format(paid.pk)) == {"deliver_now"}
    assert offered(operator_browser, page.format(delivered.pk)) == set()
    assert offered(browser_of(auditor.id), page.format(paid.pk)) == set()
    member = f"/admin/accounts/user/{alice.id}/change/"
    assert {"freeze", "unfreeze"} & offered(operator_browser, member) == {"freeze"}


def test_an_act_on_a_page_asks_for_a_reason_and_comes_back_to_it(alice: Member, operator_browser: Client) -> None:
    page = f"/admin/accounts/user/{alice.id}/change/"
    act = {"action": "freeze", "_selected_action": str(alice.id), "on_its_page": "1"}

    asked = operator_browser.post("/admin/accounts/user/", act).content.decode()
    done = operator_browser.post("/admin/accounts/user/", {**act, "reason": "刷屏"})  # two signs are a word

    assert 'name="reason"' in asked
    assert 'name="on_its_page"' in asked
    assert (done.status_code, done.headers["Location"]) == (302, page)
    assert "已冻结" in operator_browser.get(page).content.decode()
    assert AuditEntry.objects.get(action="accounts.freeze").reason == "刷屏"


UNSEEN = ["\u200b\u200b", "ab\u202ecd", "a\x07\x1b[31m", "\u3164\u3164"]


@pytest.mark.parametrize("text", UNSEEN)
def test_what_nobody_sees_is_written_nowhere(text: str, alice: Member, operator_browser: Client) -> None:
    """It would be a name without a name, a reason without a reason, or a line of the trail that reads backwards."""
    orders.save_product(code="pack", title="N", amount_fen=990, quota_milli=1000, now=clock.now())
    page = f"/admin/orders/product/{Product.objects.get().pk}/change/"
    sent = {"title": "M", "amount_fen": "990", "quota_milli": "1000", "entitlements": "[]", "sort": "0", "reason": "so"}
    entries = AuditEntry.objects.count()

    for field in ("title", "badge", "reason"):
        answer = operator_browser.post(page, {**sent, field: text})
        assert list(answer.context["adminform"].form.errors) == [field], field
    act = {"action": "freeze", "_selected_action": str(alice.id), "reason": text}
    assert "reason" in operator_browser.post("/admin/accounts/user/", act).context["form"].errors

    assert Product.objects.get().title == "N"
    assert AuditEntry.objects.count() == entries
    assert operator_browser.post(page, {**sent, "badge": "👩‍🔬 ❤️", "reason": "会员日"}).status_code == 302


def test_an_id_is_looked_for_as_an_id(operator_browser: Client) -> None:
    buyers = people(3)
    orders_of(buyers)
    order = Order.objects.get(user=buyers[1])
    member = order.user_id

    for term in (str(member), member.hex, f" {str(member).upper()} ", order.out_trade_no.lower()):
        assert list(operator_browser.get(ORDERS, {"q": term}).context["cl"].result_list) == [order]
    for nobody in ("nobody", f"{member} {buyers[0].pk}"):
        assert not operator_browser.get(ORDERS, {"q": nobody}).context["cl"].result_list
    for page in ("report", "generation", "answerusage"):
        asked = asked_for(operator_browser, f"/admin/chat/{page}/?q={member}")
        (search,) = [query for query in asked if f'FROM "chat_{page}"' in query]
        assert "UPPER" not in search
        assert "LIKE" not in search
