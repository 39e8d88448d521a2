"""The demonstration: everything that an operator would set up before opening the site, through the same services."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.apps import apps as django_apps
from django.conf import settings
from django.db import transaction

from apps.accounts import services as accounts
from apps.chat import services as chat
from apps.chat.contracts import (
    QUOTA,
    Extras,
    ListedWords,
    PerImage,
    PerSize,
    PerTokens,
    Policy,
    UpstreamCost,
    WordAction,
)
from apps.marketing import services as marketing
from apps.marketing.contracts import (
    CHANCES,
    NOTHING,
    PAYMENT,
    POINTS,
    REGISTER,
    SIGN_IN,
    ActivityState,
    Limits,
    PrizeDraft,
)
from apps.orders import services as orders

OPERATOR = "operator"
_CREDIT = 1000  # milli-credits
# What is asked on top: of one of them a search has its price, of the others all is included.
_EXTRAS = {"demo-steady": Extras(search_milli=500)}
_PAINTER = "demo-painter"
_ACTOR = "system"
_REASON = "demonstration"
_DECLARED_TOTAL = 10_000


@dataclass(frozen=True)
class _Prize:
    title: str
    kind: str
    weight: int
    amount: int = 0
    stock: int | None = None  # None is unlimited


# In the order of the nine-grid, clockwise from the upper left; the weights add up to the declared total.
_PRIZES = (
    _Prize("1 额度", QUOTA, 2400, amount=1 * _CREDIT),
    _Prize("10 积分", POINTS, 2600, amount=10),
    _Prize("5 额度", QUOTA, 900, amount=5 * _CREDIT),
    _Prize("100 额度", QUOTA, 20, amount=100 * _CREDIT, stock=3),
    _Prize("50 积分", POINTS, 900, amount=50),
    _Prize("20 额度", QUOTA, 120, amount=20 * _CREDIT, stock=30),
    _Prize("谢谢参与", NOTHING, 2960),
    _Prize("200 积分", POINTS, 100, amount=200, stock=20),
)
_FALLBACK = "谢谢参与"
# What a new conversation offers: code, language of its pages, category, title, text.
_STARTERS = (
    ("mail", "zh-hans", "写作", "写一封邮件", "帮我写一封邮件给{{收件人}}，说明{{事情}}。语气礼貌、简短。"),
    ("polish", "zh-hans", "写作", "改得更通顺", "请把下面这段话改得更通顺，保留原意，并说明改了哪里：\n\n{{原文}}"),
    ("explain", "zh-hans", "学习", "用简单的话解释", "用简单的话解释{{概念}}，举两个生活里的例子。"),
    ("plan", "zh-hans", "生活", "安排一次出行", "我想去{{地点}}玩{{几天}}天，请按天安排，写明交通和大概花费。"),
    ("translate", "zh-hans", "学习", "中英互译", "把下面的内容译成英文，给出两种说法并说明区别：\n\n{{内容}}"),
    ("code", "zh-hans", "编程", "看懂一段代码", "逐段解释下面的代码在做什么，并指出可能出错的地方：\n\n{{代码}}"),
    (
        "mail-en",
        "en",
        "Writing",
        "Write an email",
        "Write an email to {{whom}} about {{what}}. Keep it polite and short.",
    ),
    (
        "explain-en",
        "en",
        "Learning",
        "Explain it simply",
        "Explain {{idea}} in simple words, with two everyday examples.",
    ),
    (
        "code-en",
        "en",
        "Code",
        "Read some code",
        "Explain this code part by part, and say what could go wrong:\n\n{{code}}",
    ),
)
# Words that nobody says, so that a visitor can see what becomes of some.
_WORDS = ("咕噜哇啦", "叽里咕噜嘣", "blorptastic")
_ALLOWED = ("咕噜哇啦节",)


def is_loaded() -> bool:
    """Has anybody set this site up already? Then nothing of theirs is touched."""
    return accounts.has_operators()


def load(*, now: datetime) -> str:
    """Write the whole configuration, or nothing; returns the operator's new password, which is kept nowhere."""
    password = secrets.token_urlsafe(9)
    with transaction.atomic():
        _load_chat(now)
        _load_products(now)
        _load_marketing(now)
        accounts.create_operator(username=OPERATOR, password=password, now=now)
    return password


def follow_port(*, now: datetime) -> None:
    """Let the demo models be found where the site listens now; channels of other addresses stay as they are.

    For who is about to listen there: another process's PORT says nothing about the site.
    """
    if django_apps.is_installed("apps.sandbox"):
        chat.follow_port(
            base_url=settings.OWN_MODELS_URL,
            api_key=settings.SANDBOX["MODEL_API_KEY"],
            now=now,
            reason="the site has moved",
        )


def _load_chat(now: datetime) -> None:
    chat.save_channel(
        code="demo",
        kind="sandbox",
        base_url=settings.OWN_MODELS_URL,
        api_key=settings.SANDBOX["MODEL_API_KEY"],
        now=now,
        reason=_REASON,
    )
    for sort, (code, name, credits) in enumerate(
        (("demo-swift", "轻语", 1), ("demo-steady", "沉思", 2), ("demo-deep", "深算", 5)), start=1
    ):
        chat.save_model(
            code=code,
            name=name,
            price_milli=credits * _CREDIT,
            has_vision=code != "demo-swift",
            has_reasoning=code == "demo-deep",
            has_tools=True,
            has_search=code != "demo-swift",
            extras=_EXTRAS.get(code, Extras()),
            sort=sort,
            now=now,
            reason=_REASON,
        )
        _serve(code, upstream_name=code, now=now)
    # The same model as the one before it, for who would rather pay for what is read and written.
    chat.save_model(
        code="demo-exact",
        name="细账",
        price=PerTokens(input_milli=200, cached_milli=50, output_milli=800),
        is_in_free_allowance=False,
        has_reasoning=True,
        has_tools=True,
        sort=4,
        now=now,
        reason=_REASON,
    )
    _serve("demo-exact", upstream_name="demo-deep", now=now)
    chat.save_model(
        code="demo-vectors",
        name="向量",
        kind="embedding",
        price=PerTokens(input_milli=20, cached_milli=0, output_milli=0),
        is_in_free_allowance=False,
        context_tokens=8_192,
        max_output_tokens=1,
        sort=5,
        now=now,
        reason=_REASON,
    )
    _serve("demo-vectors", upstream_name="demo-vectors", now=now)
    chat.save_model(
        code=_PAINTER,
        name="小画",
        kind="image",
        price=PerImage(
            image_milli=2 * _CREDIT,
            rates=(
                PerSize(size="512x512", milli=_CREDIT),
                PerSize(size="1536x1024", milli=3 * _CREDIT),
                PerSize(size="1536x1024", quality="hd", milli=5 * _CREDIT),
            ),
        ),
        is_in_free_allowance=False,
        sort=6,
        now=now,
        reason=_REASON,
    )
    _serve(_PAINTER, upstream_name=_PAINTER, now=now)
    chat.save_word_list(
        code="demo",
        name="示例词",
        action=WordAction.MASK,
        listed=ListedWords(words=_WORDS, allowed=_ALLOWED),
        actor=_ACTOR,
        now=now,
        reason=_REASON,
    )
    for sort, (code, language, category, title, text) in enumerate(_STARTERS, start=1):
        chat.save_starter(
            code=code,
            language=language,
            category=category,
            title=title,
            text=text,
            sort=sort,
            now=now,
            reason=_REASON,
        )
    chat.save_policy(policy=Policy(free_per_day=5, max_running=2, max_message_chars=8_000), now=now, reason=_REASON)


def _serve(code: str, *, upstream_name: str, now: datetime) -> None:
    """The demo channel serves it, at a cost that a provider might ask: two and eight yuan for a million tokens, six
    fen for an image.
    """
    said: dict[str, Any] = {"model_code": code, "channel_code": "demo", "now": now, "reason": _REASON}
    chat.save_route(upstream_name=upstream_name, **said)
    cost = UpstreamCost(input_microyuan=2000, cached_microyuan=500, output_microyuan=8000)
    if code == _PAINTER:
        cost = UpstreamCost(input_microyuan=0, cached_microyuan=0, output_microyuan=0, image_microyuan=60_000)
    chat.save_route_cost(cost=cost, **said)


def _load_products(now: datetime) -> None:
    for sort, (code, title, subtitle, badge, amount_fen, credits) in enumerate(
        (
            ("pack-100", "尝鲜包", "用轻语可以聊 100 次，随用随扣", "", 990, 100),
            ("pack-350", "畅聊包", "用轻语可以聊 350 次，每次不到 9 分", "推荐", 2990, 350),
            ("pack-1500", "尽兴包", "用轻语可以聊 1500 次，每次不到 7 分", "最划算", 9900, 1500),
        ),
        start=1,
    ):
        orders.save_product(
            code=code,
            title=title,
            subtitle=subtitle,
            badge=badge,
            amount_fen=amount_fen,
            quota_milli=credits * _CREDIT,
            sort=sort,
            now=now,
            reason=_REASON,
        )


def _load_marketing(now: datetime) -> None:
    activity = marketing.save_activity(
        code="welcome",
        title="聊天有礼",
        subtitle="签到、付款得积分和抽奖次数，奖品是更多的对话",
        starts_at=now - timedelta(days=1),
        ends_at=now + timedelta(days=365),
        time_zone=settings.TIME_ZONE,
        limits=Limits(day=20, month=300),
        now=now,
    )
    draft = marketing.save_draft(
        activity_id=activity.id,
        declared_total=_DECLARED_TOTAL,
        prizes=[_draft(activity.id, position, prize, now) for position, prize in enumerate(_PRIZES)],
        reason=_REASON,
        now=now,
    )
    marketing.publish_odds(version_id=draft.id, actor=_ACTOR, reason=_REASON, now=now)
    marketing.set_activity_state(
        activity_id=activity.id, state=ActivityState.LIVE, actor=_ACTOR, reason=_REASON, now=now
    )
    marketing.bind_stage(channel="web", source="home", activity_id=activity.id, now=now)
    _load_rebates(activity.id, now)
    _load_exchange(activity.id, now)


def _draft(activity_id: UUID, position: int, prize: _Prize, now: datetime) -> PrizeDraft:
    stock_id = None
    if prize.stock is not None:
        stock = marketing.save_stock(activity_id=activity_id, code=f"prize-{position}", total=prize.stock, now=now)
        stock_id = stock.id
    return PrizeDraft(
        position=position,
        title=prize.title,
        kind=prize.kind,
        weight=prize.weight,
        amount=prize.amount,
        is_fallback=prize.title == _FALLBACK,
        stock_id=stock_id,
    )


def _load_rebates(activity_id: UUID, now: datetime) -> None:
    marketing.save_rebate_rule(
        code="daily-sign-in",
        title="每日签到",
        behaviour=SIGN_IN,
        points=10,
        chances=1,
        activity_id=activity_id,
        now=now,
    )
    marketing.save_rebate_rule(
        code="payment",
        title="付款返利",
        behaviour=PAYMENT,
        points_per_yuan=2,
        chances=1,
        activity_id=activity_id,
        now=now,
    )
    marketing.save_rebate_rule(code="registration", title="注册有礼", behaviour=REGISTER, points=20, now=now)


def _load_exchange(activity_id: UUID, now: datetime) -> None:
    marketing.save_exchange_item(
        code="one-chance",
        title="抽奖 1 次",
        kind=CHANCES,
        amount=1,
        price_points=20,
        activity_id=activity_id,
        now=now,
    )
    marketing.save_exchange_item(
        code="ten-credits", title="10 额度", kind=QUOTA, amount=10 * _CREDIT, price_points=100, now=now
    )
