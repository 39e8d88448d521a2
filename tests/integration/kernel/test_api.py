"""One error shape, strict input, replayed answers: what every JSON endpoint inherits."""

from types import SimpleNamespace
from typing import Any, ClassVar, cast
from uuid import UUID

import pytest
from django.contrib.auth.models import AbstractBaseUser
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate

from apps.kernel.api import Endpoint, IdempotentPost, StrictSerializer
from apps.kernel.errors import DomainError, ErrorKind
from apps.kernel.models import IdempotencyKey
from apps.kernel.strict_input import IS_TEXT

pytestmark = pytest.mark.django_db

ALICE = UUID("01890000-0000-7000-8000-00000000000a")
BOB = UUID("01890000-0000-7000-8000-00000000000b")


class TooDark(DomainError):
    kind = ErrorKind.CONFLICT
    code = "too_dark"
    title = "It is too dark."


class NoLamp(DomainError):
    kind = ErrorKind.NOT_FOUND
    code = "no_lamp"
    title = "There is no such lamp."


class LightLamp(IdempotentPost):
    """POST: lights a lamp, or refuses, or breaks, as the body says."""

    class Input(StrictSerializer):
        lamp = serializers.CharField(max_length=5)

    lit: ClassVar[list[str]] = []

    def post_once(self, request: Request, *, request_id: str, **url: Any) -> Response:
        lamp = self.parse(request, self.Input)["lamp"]
        self.lit.append(lamp)
        if lamp == "none":
            raise NoLamp(lamp=lamp)
        if lamp == "dark":
            raise TooDark
        if lamp == "break":
            raise ZeroDivisionError
        return Response({"lamp": lamp, "request_id": request_id}, status=201)


class WhoAmI(Endpoint):
    """GET: the caller."""

    def get(self, request: Request) -> Response:
        return Response({"id": str(self.user_id)})


@pytest.fixture(autouse=True)
def darkness() -> None:
    LightLamp.lit.clear()


def signed_in(request: Any, user: UUID = ALICE) -> Any:
    """The kernel knows no member model; all that it asks of one is the key."""
    force_authenticate(request, cast(AbstractBaseUser, SimpleNamespace(pk=user, is_authenticated=True)))
    return request


def post(body: Any, *, key: str | None = "key-12345678", user: UUID | None = ALICE) -> Response:
    headers = {"HTTP_IDEMPOTENCY_KEY": key} if key else {}
    request = APIRequestFactory().post("/lamps", body, format="json", **headers)
    response = LightLamp.as_view()(signed_in(request, user) if user else request)
    response.render()
    return response


def test_a_repeat_gets_the_first_answer_without_a_second_effect() -> None:
    first, second = post({"lamp": "desk"}), post({"lamp": "desk"})

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.data == second.data
    assert second["Idempotent-Replay"] == "true"
    assert LightLamp.lit == ["desk"]


def test_a_refusal_is_kept_for_the_key() -> None:
    first, second = post({"lamp": "none"}), post({"lamp": "none"})

    assert (first.data["code"], second.data) == ("no_lamp", first.data)
    assert second["Content-Type"] == "application/problem+json"
    assert LightLamp.lit == ["none"]


@pytest.mark.parametrize("lamp", ["dark", "break"])
def test_what_was_not_an_answer_is_not_kept(lamp: str) -> None:
    for _ in range(2):
        if lamp == "break":
            with pytest.raises(ZeroDivisionError):
                post({"lamp": lamp})
        else:
            assert post({"lamp": lamp}).data["code"] == "too_dark"

    assert LightLamp.lit == [lamp, lamp]
    assert not IdempotencyKey.objects.exists()


def test_another_body_under_the_same_key_is_refused() -> None:
    post({"lamp": "desk"})

    refused = post({"lamp": "hall"})

    assert (refused.status_code, refused.data["code"]) == (422, "idempotency_key_reused")
    assert LightLamp.lit == ["desk"]


def test_two_people_may_choose_the_same_key() -> None:
    post({"lamp": "desk"})

    assert post({"lamp": "hall"}, user=BOB).status_code == 201


@pytest.mark.parametrize("key", [None, "short", "with space in it", "x" * 65])
def test_a_post_without_a_usable_key_does_nothing(key: str | None) -> None:
    refused = post({"lamp": "desk"}, key=key)

    assert (refused.status_code, refused.data["code"]) == (400, "idempotency_key_missing")
    assert LightLamp.lit == []


def test_unknown_and_invalid_fields_are_named() -> None:
    unknown = post({"lamp": "desk", "colour": "red"})
    invalid = post({"lamp": "much too long"}, key="key-87654321")

    assert (unknown.status_code, unknown.data["code"]) == (400, "validation_failed")
    assert list(unknown.data["errors"]) == ["colour"]
    assert list(invalid.data["errors"]) == ["lamp"]
    assert LightLamp.lit == []


def test_a_visitor_is_told_to_sign_in() -> None:
    refused = post({"lamp": "desk"}, user=None)

    assert (refused.status_code, refused.data["code"]) == (401, "not_authenticated")
    assert set(refused.data) == {"type", "title", "status", "code", "detail", "context", "errors"}


def test_a_body_that_is_not_json_is_refused_in_the_same_shape() -> None:
    request = APIRequestFactory().post(
        "/lamps", "{", content_type="application/json", HTTP_IDEMPOTENCY_KEY="key-12345678"
    )
    signed_in(request)

    response = LightLamp.as_view()(request).render()

    assert (response.status_code, response.data["code"]) == (400, "parse_error")


def test_an_unknown_method_is_refused_in_the_same_shape() -> None:
    request = APIRequestFactory().put("/me", {}, format="json")
    signed_in(request)

    response = WhoAmI.as_view()(request).render()

    assert (response.status_code, response.data["code"]) == (405, "method_not_allowed")


def test_the_caller_is_known_by_id() -> None:
    request = APIRequestFactory().get("/me")
    signed_in(request)

    assert WhoAmI.as_view()(request).data == {"id": str(ALICE)}


@pytest.mark.parametrize("page_of", [BOB, "nobody", ""])
def test_a_page_that_was_made_for_another_member_does_nothing(page_of: object) -> None:
    request = APIRequestFactory().post(
        "/lamps", {"lamp": "one"}, format="json", HTTP_IDEMPOTENCY_KEY="key-12345678", HTTP_X_MEMBER=str(page_of)
    )

    response = LightLamp.as_view()(signed_in(request)).render()

    assert (response.status_code, response.data["code"]) == (409, "another_member")
    assert LightLamp.lit == []


def test_a_page_that_was_made_for_this_member_is_served() -> None:
    request = APIRequestFactory().get("/me", HTTP_X_MEMBER=str(ALICE))

    assert WhoAmI.as_view()(signed_in(request)).data == {"id": str(ALICE)}


class Bench(StrictSerializer):
    is_wide = serializers.BooleanField(required=False)
    seats = serializers.IntegerField(required=False, allow_null=True)
    name = serializers.CharField(required=False)
    plates = serializers.ListField(child=serializers.CharField(), required=False)


@pytest.mark.parametrize(
    "said", [{"is_wide": 0}, {"is_wide": "true"}, {"seats": "7"}, {"seats": 7.0}, {"seats": True}, {"name": 5},
             {"plates": [1]}, {"plates": "ab"}],
)  # fmt: skip
def test_a_value_of_another_type_is_refused_and_not_turned_into_the_right_one(said: dict[str, Any]) -> None:
    form = Bench(data=said)

    assert not form.is_valid()
    assert form.errors == {next(iter(said)): ["wrong type"]}


def test_values_of_the_right_types_are_taken_and_a_query_is_all_text() -> None:
    said = {"is_wide": False, "seats": None, "name": "x", "plates": ["a"]}
    form, query = Bench(data=said), Bench(data={"is_wide": "true", "seats": "7"}, context={IS_TEXT: True})

    assert form.is_valid()
    assert form.validated_data == said
    assert query.is_valid()
    assert (query.validated_data["is_wide"], query.validated_data["seats"]) == (True, 7)
