"""What images of some sizes cost: entered by operators, told to everybody, and the same version for whoever asked."""

import re
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from apps.accounts.contracts import Member
from apps.chat import errors, services
from apps.chat.contracts import PerImage, PerSize
from apps.chat.models import ChatModel, ImageRate, ModelPrice
from apps.kernel import clock
from apps.kernel.models import AuditEntry
from tests.integration.chat.conftest import give_quota, make_model, set_limits
from tests.integration.chat.test_catalogue import breaches
from tests.integration.chat.test_prices_page import cells, page_in

pytestmark = pytest.mark.django_db

SMALL = PerSize(size="512x512", milli=900)
SQUARE = PerSize(size="1024x1024", milli=3_000)
SQUARE_HD = PerSize(size="1024x1024", quality="hd", milli=6_000)
RATED = PerImage(image_milli=2_500, rates=(SMALL, SQUARE, SQUARE_HD))
FORM = {
    "code": "painter",
    "name": "Painter",
    "kind": "image",
    "price_kind": "per_image",
    "image_milli": "2500",
    "tokenizer": "by_code",
    "context_tokens": "16000",
    "max_output_tokens": "2000",
    "is_enabled": "on",
    "is_visible": "on",
    "sort": "5",
    "reason": "pictures",
}
ADD = "/admin/chat/chatmodel/add/"


@pytest.fixture
def painter(db: None) -> None:
    """A model of images with three rates."""
    make_model("painter", kind="image", price=RATED)


def typed(*rows: tuple[str, str, str]) -> dict[str, str]:
    """Rows of the table as a browser sends them."""
    return {
        f"rates-{at}-{cell}": said
        for at, row in enumerate(rows)
        for cell, said in zip(("size", "quality", "milli"), row, strict=True)
    }


def versions() -> list[str]:
    return list(ModelPrice.objects.order_by("number").values_list("code", flat=True))


def test_rates_are_of_their_version_and_any_other_is_the_next(painter: None) -> None:
    for rates in ((SQUARE_HD, SMALL, SQUARE), (SMALL, SQUARE_HD), ()):
        make_model("painter", kind="image", price=PerImage(image_milli=2_500, rates=rates))

    assert [price.terms for price in ModelPrice.objects.order_by("number")] == [
        RATED,
        PerImage(image_milli=2_500, rates=(SMALL, SQUARE_HD)),
        PerImage(image_milli=2_500),
    ]
    assert versions() == ["painter/1", "painter/2", "painter/3"]
    said = AuditEntry.objects.get(action="chat.save_imagerate", target_id="painter/2 1024x1024 hd")
    assert said.after == {"price": "painter/2", "size": "1024x1024", "quality": "hd", "milli": 6_000}
    assert breaches() == []


@pytest.mark.parametrize("change", [{"milli": 1}, {"size": "256x256"}])
def test_the_database_changes_no_rate(painter: None, change: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        ImageRate.objects.update(**change)


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({"size": "7x7"}, "chat_imagerate_size_known"),
        ({"quality": "auto"}, "chat_imagerate_quality_known"),
        ({"milli": 0}, "chat_imagerate_positive"),
    ],
)
def test_the_database_takes_no_rate_of_nothing(painter: None, columns: dict[str, Any], constraint: str) -> None:
    row = {"code": "x", "price": ModelPrice.objects.get(), "size": "256x256", "milli": 1, "created_at": clock.now()}

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        ImageRate.objects.create(**{**row, **columns})


def test_a_price_that_is_refused_leaves_nothing() -> None:
    with pytest.raises(errors.ConfigurationNotValid) as refused:
        make_model("painter", kind="image", price=PerImage(image_milli=1, rates=(SMALL, SMALL)))

    assert refused.value.context == {"field": "rates"}
    assert (ModelPrice.objects.count(), ImageRate.objects.count()) == (0, 0)


def test_members_and_programs_are_told_each_rate_and_another_is_another_offer(
    rich_alice: Member, alice_browser: Client, painter: None
) -> None:
    (before,) = alice_browser.get("/api/v1/chat/models").json()
    make_model("painter", kind="image", price=PerImage(image_milli=2_500, rates=(SMALL, SQUARE)))
    (after,) = alice_browser.get("/api/v1/chat/models").json()

    assert (before["price_per_image_milli"], before["image_rates"]) == (
        2_500,
        [
            {"size": "512x512", "quality": "", "price_milli": 900},
            {"size": "1024x1024", "quality": "", "price_milli": 3_000},
            {"size": "1024x1024", "quality": "hd", "price_milli": 6_000},
        ],
    )
    assert before["offer"] != after["offer"]


def test_whoever_can_pay_the_smallest_image_is_not_sent_to_the_shop(alice: Member, painter: None) -> None:
    set_limits(free_per_day=0)
    give_quota(alice.id, 899)
    assert not services.models_for(user_id=alice.id, now=clock.now())[0].affordable

    give_quota(alice.id, 1)

    assert services.models_for(user_id=alice.id, now=clock.now())[0].affordable


@pytest.mark.parametrize(
    ("language", "rates", "rule"),
    [
        (
            "en",
            ["512x512: 0.9", "1024x1024: 3", "1024x1024, HD: 6"],
            "an image costs that of the size and quality that were asked for; else that of the size;",
        ),
        ("zh-hans", ["512x512：0.9", "1024x1024：3", "1024x1024，高清：6"], "图片按所选尺寸和质量的价格收费"),
    ],
)
def test_the_prices_page_tells_each_rate(
    language: str, rates: list[str], rule: str, painter: None, visitor: Client
) -> None:
    page = page_in(language, visitor)

    (row,) = re.findall(r'<tr data-model="painter">(.*?)</tr>', page, re.DOTALL)
    parts = [" ".join(re.sub("<.*?>", "", part).split()) for part in cells(row)[1].split("<br>")]
    assert parts[1:] == rates
    assert rule in page


def test_where_no_size_has_a_price_none_is_spoken_of(visitor: Client) -> None:
    make_model("painter", kind="image", price=PerImage(image_milli=2_500))

    assert "else that of the size" not in page_in("en", visitor)


def test_an_operator_enters_rates_in_a_table(operator_browser: Client, model: str) -> None:
    operator_browser.post(ADD, {**FORM, **typed(("1024x1024", "hd", "6000"), ("", "", ""), ("512x512", "", "900"))})

    row = ChatModel.objects.get(code="painter")
    assert row.price.terms == PerImage(image_milli=2_500, rates=(SMALL, SQUARE_HD))
    path = f"/admin/chat/chatmodel/{row.pk}/change/"
    page = operator_browser.get(path).content.decode()
    assert "每张 2.5 额度; 512x512: 0.9; 1024x1024 高清: 6" in page
    assert page.count('<option value="512x512" selected>') == 1
    # A row that is emptied is no more; the same again is no new version.
    for rows in (typed(("512x512", "", "900")), typed(("", "", ""), ("512x512", "", "900"))):
        operator_browser.post(path, {**FORM, **rows, "reason": "hd is gone"})
    assert ChatModel.objects.get(code="painter").price.terms == PerImage(image_milli=2_500, rates=(SMALL,))
    assert ModelPrice.objects.filter(code__startswith="painter/").count() == 2


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ([("512x512", "", "900"), ("", "hd", "900")], "第 2 行：请选择尺寸。"),
        ([("7x7", "", "900")], "第 1 行：请选择尺寸。"),
        ([("512x512", "finest", "900")], "第 1 行：请选择质量，或选“不限”。"),
        ([("512x512", "", "")], "第 1 行：价格是大于零的整数，单位是千分之一额度。"),
        ([("512x512", "", "0")], "第 1 行：价格是大于零的整数，单位是千分之一额度。"),
        ([("512x512", "", "٣")], "第 1 行：价格是大于零的整数，单位是千分之一额度。"),
        ([("512x512", "", "9" * 5000)], "第 1 行：价格是大于零的整数，单位是千分之一额度。"),
        ([("512x512", "", "1"), ("512x512", "", "2")], "第 2 行与第 1 行的尺寸和质量相同。"),
        ([("512x512", "", str(10**7 + 1))], "每行的尺寸和质量不能重复，价格必须大于零，最多 10,000 额度。"),
    ],
)
def test_what_is_wrong_with_a_row_is_named_and_what_was_typed_stays(
    operator_browser: Client, rows: list[tuple[str, str, str]], error: str
) -> None:
    answer = operator_browser.post(ADD, {**FORM, **typed(*rows)})

    form = answer.context["adminform"].form
    assert list(form.errors) == ["rates"]
    assert form.errors["rates"][0].startswith(error)
    assert f'value="{rows[-1][2]}"' in str(form["rates"]) or not rows[-1][2]
    assert not ModelPrice.objects.exists()


def test_rates_of_what_is_not_paid_per_image_count_for_nothing(operator_browser: Client) -> None:
    form = {**FORM, "kind": "text", "price_kind": "per_answer", "price_milli": "1000"}

    operator_browser.post(ADD, {**form, **typed(("512x512", "", "900"))})

    assert ModelPrice.objects.get().kind == "per_answer"
    assert not ImageRate.objects.exists()
