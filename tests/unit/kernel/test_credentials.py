"""Who asks, by what the request brings."""

from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.test import RequestFactory

from apps.accounts.models import User
from apps.kernel.credentials import bearer_token, signed_in


def test_the_member_who_asks_is_the_one_who_is_signed_in() -> None:
    request = RequestFactory().get("/")
    request.user = User(pk=uuid4())

    assert signed_in(request) == request.user.pk


def test_a_page_that_forgot_to_ask_for_a_sign_in_shows_nobody_s_things() -> None:
    request = RequestFactory().get("/")
    request.user = AnonymousUser()

    with pytest.raises(PermissionDenied):
        signed_in(request)


@pytest.mark.parametrize(
    ("header", "token"),
    [("Bearer sk-1", "sk-1"), ("bearer  sk-1 ", "sk-1"), ("Basic sk-1", None), ("", None), (None, None)],
)
def test_a_token_is_what_follows_bearer(header: str | None, token: str | None) -> None:
    assert bearer_token(header) == token
