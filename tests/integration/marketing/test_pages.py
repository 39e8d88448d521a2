"""Marketing's pages: who sees them, what they say in every state, and what they cost."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.contracts import Member
from apps.kernel import clock
from apps.marketing import services
from apps.marketing.contracts import ActivityDetail, ActivityState, Limits
from tests.integration.marketing import campaign

pytestmark = pytest.mark.django_db


def page(browser: Client, path: str) -> str:
    """A page's text."""
    answer = browser.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def limited(activity: ActivityDetail, limits: Limits) -> None:
    """The same activity, with these limits."""
    kept = {name: getattr(activity, name) for name in ("code", "title", "subtitle", "time_zone")}
    now = clock.now()
    day = timedelta(days=1)
    services.save_activity(**kept, starts_at=now - 9 * day, ends_at=now + 9 * day, limits=limits, now=now)


def test_a_visitor_is_sent_to_sign_in(visitor: Client) -> None:
    answer = visitor.get("/welfare/")

    assert (answer.status_code, answer["Location"]) == (302, "/login/?next=/welfare/")


def test_without_an_activity_the_page_says_so(alice_browser: Client) -> None:
    shown = page(alice_browser, "/welfare/")

    assert "目前没有进行中的抽奖" in shown
    assert "还没有奖品" in shown
    assert "暂时没有可兑换的商品" in shown
    assert 'id="grid"' not in shown
    assert "每天签到" not in shown  # which brings no points as long as no rule says so

    services.save_rebate_rule(code="daily", title="Daily", behaviour="sign_in", points=10, now=clock.now())

    assert page(alice_browser, "/welfare/").count("每天签到") == 2


def test_the_grid_shows_the_published_prizes_with_their_odds(
    alice: Member, alice_browser: Client, autumn: ActivityDetail
) -> None:
    campaign.give_chances(alice.id, autumn.id, 2)

    shown = page(alice_browser, "/welfare/")

    assert shown.count('class="grid9__cell"') == 8
    assert shown.count("data-position=") == 3
    assert "5 credits" in shown
    assert "10%" in shown
    assert "今天剩 2 次" in shown
    assert f"/welfare/odds/{autumn.odds_version_id}/" in shown


@pytest.mark.parametrize(("state", "word"), [(ActivityState.PAUSED, "已暂停"), (ActivityState.ENDED, "已结束")])
def test_a_closed_activity_closes_the_button(
    alice_browser: Client, autumn: ActivityDetail, state: ActivityState, word: str
) -> None:
    campaign.set_state(autumn.id, state)

    assert f'data-closed="{word}" disabled' in page(alice_browser, "/welfare/")


def test_without_chances_the_page_says_how_to_get_them(alice_browser: Client, autumn: ActivityDetail) -> None:
    shown = page(alice_browser, "/welfare/")

    assert 'id="more-chances" data-open="chances-sheet">' in shown
    assert 'id="draw-ten" hidden>' in shown


def test_sign_in_exchange_and_prizes_are_on_the_page(
    alice: Member, alice_browser: Client, autumn: ActivityDetail
) -> None:
    now = clock.now()
    services.save_rebate_rule(code="daily", title="Daily", behaviour="sign_in", points=10, now=now)
    services.save_exchange_item(
        code="credits", title="Five credits", kind="quota", amount=5000, price_points=100, stock=0, now=now
    )
    campaign.publish(autumn.id, campaign.sure(campaign.QUOTA, autumn.id))
    campaign.give_chances(alice.id, autumn.id)
    campaign.draw(alice.id, autumn.id)
    services.sign_in(user_id=alice.id, now=now)

    shown = page(alice_browser, "/welfare/")

    assert "每天 10 积分" in shown
    assert "今日已签到" in shown
    assert "已售罄" in shown
    assert "发放中" in shown
    assert "A**e 5 credits" in shown


def test_only_ways_that_give_a_draw_are_promised(alice_browser: Client, autumn: ActivityDetail) -> None:
    ways = {"sign_in": '#sign-in" data-close', "exchange": '#exchange" data-close', "payment": "付款送抽奖次数"}
    shown = page(alice_browser, "/welfare/")
    assert "暂时也没有获得的办法" in shown
    assert not any(way in shown for way in ways.values())

    given: dict[str, Any] = {"activity_id": autumn.id, "now": clock.now()}
    for behaviour in ("sign_in", "payment"):
        services.save_rebate_rule(code=behaviour, title=behaviour, behaviour=behaviour, chances=1, **given)
    services.save_exchange_item(code="draw", title="Draw", kind="chances", amount=1, price_points=5, **given)

    assert [way in page(alice_browser, "/welfare/") for way in ways.values()] == [True] * 3


def test_a_way_that_is_sold_out_used_up_or_anothers_is_not_promised(
    alice: Member, alice_browser: Client, autumn: ActivityDetail
) -> None:
    now = clock.now()
    given: dict[str, Any] = {"title": "Draw", "kind": "chances", "amount": 1, "price_points": 5, "now": now}
    other = campaign.activity()
    services.save_exchange_item(code="sold-out", activity_id=autumn.id, stock=0, **given)
    services.save_exchange_item(code="used-up", activity_id=autumn.id, member_limit=0, **given)
    services.save_exchange_item(code="another-s", activity_id=other.id, **given)

    shown = page(alice_browser, "/welfare/")

    assert "暂时也没有获得的办法" in shown
    assert '#exchange" data-close' not in shown


@pytest.mark.parametrize(("scope", "words"), [("day", "活动期间明天"), ("month", "下个月"), ("total", "这次活动")])
def test_who_has_reached_a_limit_is_told_which_and_sold_no_chances(
    alice: Member, alice_browser: Client, autumn: ActivityDetail, scope: str, words: str
) -> None:
    limited(autumn, Limits(**{scope: 0}))
    campaign.give_chances(alice.id, autumn.id, 2)

    shown = page(alice_browser, "/welfare/")

    assert words in shown.split('id="limit-note" role="status">', 1)[1].split("</p>", 1)[0]
    assert 'id="more-chances" data-open="chances-sheet" hidden>' in shown


def test_who_may_draw_is_told_of_no_limit(alice: Member, alice_browser: Client, autumn: ActivityDetail) -> None:
    campaign.give_chances(alice.id, autumn.id)

    assert re.search(r'id="limit-note" role="status"\s+hidden>\s*</p>', page(alice_browser, "/welfare/"))


def test_the_page_does_not_cost_more_with_more_prizes(
    alice: Member, alice_browser: Client, autumn: ActivityDetail
) -> None:
    campaign.publish(autumn.id, campaign.sure(campaign.QUOTA, autumn.id))
    campaign.give_chances(alice.id, autumn.id, 20)
    campaign.draw(alice.id, autumn.id)
    page(alice_browser, "/welfare/")

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            page(alice_browser, "/welfare/")
        return len(captured)

    before = cost()
    campaign.draw(alice.id, autumn.id, count=10)

    assert cost() <= before <= 32


def test_everybody_reads_published_odds(visitor: Client, autumn: ActivityDetail) -> None:
    shown = page(visitor, f"/welfare/odds/{autumn.odds_version_id}/")

    assert "0–0" in shown
    assert "3–9" in shown
    assert "格子大小不代表概率" in shown
    assert visitor.get("/welfare/odds/00000000-0000-0000-0000-000000000007/").status_code == 404


def test_a_retired_version_stays_readable(visitor: Client, autumn: ActivityDetail) -> None:
    campaign.publish(autumn.id, [replace(campaign.THANKS, weight=1)])

    assert "5 credits" in page(visitor, f"/welfare/odds/{autumn.odds_version_id}/")


def test_the_verification_page_offers_the_members_own_draws(
    alice: Member, alice_browser: Client, bob_browser: Client, autumn: ActivityDetail
) -> None:
    campaign.give_chances(alice.id, autumn.id)
    drawn = campaign.draw(alice.id, autumn.id).draws[0]

    assert f'<option value="{drawn.id}" selected>' in page(alice_browser, f"/welfare/verify/?draw={drawn.id}")
    assert "还没有抽过奖" in page(bob_browser, "/welfare/verify/")
