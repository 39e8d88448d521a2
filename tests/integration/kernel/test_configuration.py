"""What operators configure has one writer, and equals the last word about it on the trail."""

from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import ReplyText
from apps.chat.models import Channel, ChannelKey, ChatModel, ChatPolicy, ModelPrice, Route
from apps.kernel import clock, configuration, sealing, switches
from apps.kernel.errors import NumberNotPossible, ReasonMissing
from apps.kernel.invariants import all_invariants, find
from apps.kernel.models import AuditEntry, CheckRun, Switch
from apps.marketing import services as marketing
from apps.marketing.models import Activity, RebateRule
from tests.integration.marketing import campaign

pytestmark = pytest.mark.django_db

KEY = {"code": "daily"}
RULE: dict[str, Any] = {"title": "Daily", "behaviour": "sign_in", "points": 5}


def said(reason: str = "a test") -> dict[str, Any]:
    return {"actor": "staff:1", "reason": reason, "now": clock.now()}


def save(*, reason: str = "a test", **changes: Any) -> RebateRule:
    return configuration.save(RebateRule, key=KEY, values={**RULE, **changes}, **said(reason))


def told() -> list[tuple[Any, Any]]:
    return list(AuditEntry.objects.order_by("pk").values_list("before", "after"))


def breaches() -> list[str]:
    (check,) = (item for item in all_invariants() if item.number == "I-62")
    return [breach.subject for breach in find(check, now=clock.now()).breaches]


def test_a_row_is_made_and_changed_and_both_are_on_the_trail() -> None:
    save()
    changed = save(points=6)

    assert (changed.points, changed.version) == (6, 2)
    assert told() == [(None, RULE), (RULE, {**RULE, "points": 6})]
    assert AuditEntry.objects.filter(target_type="rebaterule", target_id=str(changed.pk)).count() == 2
    configuration.save(RebateRule, key={"code": "weekly"}, values={**RULE, "points": 7}, **said())
    assert [after["points"] for _, after in configuration.history(RebateRule, changed.pk)] == [5, 6]
    assert breaches() == []


def test_a_change_of_nothing_leaves_no_trace() -> None:
    save()

    assert save().version == 1
    assert len(told()) == 1


@pytest.mark.parametrize("model", sorted({trail.model for trail in configuration.trails()}, key=str))
def test_no_number_is_saved_that_its_column_cannot_hold(model: Any) -> None:
    bits = {"SmallIntegerField": 15, "IntegerField": 31, "BigIntegerField": 63}
    for field in model._meta.concrete_fields:
        kind = field.get_internal_type()
        if (size := bits.get(kind.removeprefix("Positive"))) is None:
            continue
        least = 0 if kind.startswith("Positive") else -(2**size)
        for number in (least - 1, 2**size, 10**30):
            with pytest.raises(NumberNotPossible) as refusal:
                configuration.save(model, key={"pk": None}, values={field.name: number}, **said())
            assert refusal.value.context["field"] == field.name
    assert not AuditEntry.objects.exists()


def test_a_change_to_such_a_number_is_refused_and_leaves_no_trace() -> None:
    save()

    with pytest.raises(NumberNotPossible):
        save(points=2**63)

    assert RebateRule.objects.get().points == RULE["points"]
    assert len(told()) == 1


def test_the_admin_says_at_the_field_that_a_number_is_too_large(operator_browser: Client) -> None:
    limits = {"free_per_day": 1, "max_running": 40_000, "max_unpaid_per_day": 1, "max_message_chars": 1}
    form = {**limits, "max_per_minute": 1, "reason": "a test"}

    response = operator_browser.post("/admin/chat/chatpolicy/add/", form)

    assert response.status_code == 200
    assert set(response.context["adminform"].form.errors) == {"max_running"}
    assert not ChatPolicy.objects.exists()


@pytest.mark.parametrize(
    ("day", "is_of_our_time"), [("0001-01-01", False), ("2030-01-01", True), ("9999-12-31", False)]
)
def test_the_admin_takes_no_moment_that_could_not_be_read_again(
    operator_browser: Client, day: str, is_of_our_time: bool
) -> None:
    moment = {"starts_at_0": day, "starts_at_1": "00:00:00"}

    response = operator_browser.post("/admin/marketing/activity/add/", moment, headers={"Accept-Language": "en"})

    errors = response.context["adminform"].form.errors.get("starts_at", [])
    assert errors == ([] if is_of_our_time else ["Write a year from 2000 to 2999."])


def test_nothing_is_saved_without_a_reason() -> None:
    row = save()

    for act in (
        lambda: save(points=9, reason=" "),
        lambda: save(points=9, reason="\u200b\u2060"),
        lambda: configuration.change(row, {"points": 9}, **said("")),
        lambda: configuration.remove(RebateRule, key=KEY, **said("")),
        lambda: switches.flip(name="chat.enabled", is_on=False, **said(" ")),
    ):
        with pytest.raises(ReasonMissing):
            act()

    assert RebateRule.objects.get().points == 5
    assert not Switch.objects.exists()
    assert len(told()) == 1


def test_a_refused_change_changes_nothing() -> None:
    save()

    def refuse(row: RebateRule) -> None:
        raise LookupError(row.points)

    with pytest.raises(LookupError, match="5"):
        configuration.save(RebateRule, key=KEY, values={"points": 6}, check=refuse, **said())

    assert RebateRule.objects.get().points == 5
    assert len(told()) == 1


def test_what_nobody_declared_is_not_saved() -> None:
    with pytest.raises(LookupError, match="CheckRun"):
        configuration.save(CheckRun, key={"name": "x"}, values={}, **said())

    assert not CheckRun.objects.exists()


def test_another_row_is_said_by_its_name_and_a_secret_never() -> None:
    sealed = sealing.seal("channel_key", "sk-very-secret")
    channel = configuration.save(
        Channel,
        key={"code": "far"},
        values={"base_url": "https://a.example"},
        **said(),
    )
    own = {"channel": channel, "name": "main"}
    configuration.save(ChannelKey, key=own, values={**own, "api_key_sealed": sealed}, **said())
    price = configuration.save(
        ModelPrice,
        key={"code": "base/1"},
        values={"number": 1, "kind": "per_answer", "answer_milli": 1},
        **said(),
    )
    model = configuration.save(
        ChatModel,
        key={"code": "base"},
        values={"name": "Base", "price": price},
        **said(),
    )

    ends = {"model": model, "channel": channel}
    configuration.save(Route, key=ends, values={**ends, "upstream_name": "b"}, **said())

    (_, of_channel), (_, of_key), (_, of_price), (_, of_model), (_, of_route) = told()
    assert of_channel == {"base_url": "https://a.example"}
    assert of_key == {"channel": "far", "name": "main", "api_key_sealed": "sealed"}
    assert (of_model["price"], of_price["answer_milli"]) == ("base/1", 1)
    assert of_route == {"model": "base", "channel": "far", "upstream_name": "b"}
    assert breaches() == []


def test_a_row_that_was_removed_is_not_missed_until_it_is_there_again() -> None:
    configuration.save(ReplyText, key={"key": "help"}, values={"text": "Ask!"}, **said())
    configuration.remove(ReplyText, key={"key": "help"}, **said())
    assert breaches() == []

    ReplyText.objects.create(key="help", text="Ask!", created_at=clock.now())

    assert breaches() == ["reply_text help"]


def test_the_trail_of_earlier_releases_still_counts() -> None:
    """They named a stock by two nouns, a reset reply by a text that is none, and a channel's key by another name."""
    activity = campaign.activity()
    stock = marketing.save_stock(activity_id=activity.id, code="cup", total=3, now=clock.now())
    channel = Channel.objects.create(
        code="far", base_url="https://a.example", created_at=clock.now(), updated_at=clock.now()
    )
    for noun, name, action, after in (
        ("prize_stock", str(stock.id), "marketing.correct_stock", {"total": 5}),
        ("reply_text", "help", "accounts.change_reply_text", {"text": None}),
        ("channel", channel.code, "chat.save_channel", {"base_url": "https://a.example", "api_key_changed": True}),
    ):
        AuditEntry.objects.create(
            actor="x",
            action=action,
            target_type=noun,
            target_id=name,
            reason="old",
            after=after,
            created_at=clock.now(),
        )

    assert breaches() == [f"prizestock {stock.id}"]


@pytest.mark.parametrize(
    ("changes", "subject"),
    [
        ({"ends_at": clock.now()}, "activity"),
        ({"state": "paused"}, "activity"),
    ],
)
def test_every_trail_of_a_model_is_followed(changes: dict[str, Any], subject: str) -> None:
    activity = campaign.activity()
    assert breaches() == []

    Activity.objects.update(**changes)

    assert breaches() == [f"{subject} {activity.id}"]
