"""Avatars: chosen from our set, drawn by the server."""

import pytest
from django.test import Client

from apps.accounts import services
from apps.accounts.avatars import AVATARS
from apps.accounts.contracts import Member

pytestmark = pytest.mark.django_db


def test_an_avatar_is_chosen_from_the_set(alice: Member, alice_browser: Client) -> None:
    first = alice_browser.get("/api/v1/me").json()["avatar"]
    assert first in AVATARS
    chosen = next(code for code in AVATARS if code != first)
    answer = alice_browser.patch("/api/v1/me", {"avatar": chosen}, "application/json")
    assert answer.json()["avatar"] == alice_browser.get("/api/v1/me").json()["avatar"] == chosen
    for wrong in ("z9", "a9", "", "../x"):
        assert alice_browser.patch("/api/v1/me", {"avatar": wrong}, "application/json").status_code == 400
    assert services.get_profile(user_id=alice.id).avatar == chosen


def test_avatars_are_pictures_that_anybody_may_keep(visitor: Client) -> None:
    for code in AVATARS:
        picture = visitor.get(f"/avatars/{code}.svg")
        assert picture.status_code == 200
        assert picture["Content-Type"] == "image/svg+xml"
        assert "max-age=2592000" in picture["Cache-Control"]
        assert "public" in picture["Cache-Control"]
    assert visitor.get("/avatars/z9.svg").status_code == 404
