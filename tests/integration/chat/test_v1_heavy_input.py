"""Bodies that are deep or heavy, sent to /v1/chat/completions: one clear line, nothing paid, nothing kept."""

import json

import pytest

from apps.accounts.contracts import Member
from tests.integration.chat.test_v1_bad_input import GOOD, assert_nothing_happened, post
from tests.integration.chat.test_v1_models import error_of, key_of

pytestmark = pytest.mark.django_db(transaction=True)

_MEGABYTE = 1_000_000


def nested(depth: int) -> bytes:
    """An object in an object, and so on."""
    return b'{"a":' * depth + b"1" + b"}" * depth


def with_parameters(parameters: bytes) -> bytes:
    """A request whose only tool takes these."""
    tool = b'{"type": "function", "function": {"name": "f", "parameters": %s}}' % parameters
    return json.dumps(GOOD).encode()[:-1] + b', "tools": [' + tool + b"]}"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (with_parameters(nested(_MEGABYTE // 6)), None),  # no JSON that anybody reads
        (with_parameters(nested(900)), "tools"),
        (with_parameters(nested(33)), "tools"),
        (with_parameters(b'{"description": "%s"}' % (b"x" * _MEGABYTE)), "tools"),
        (json.dumps({**GOOD, "seed": 1}).encode().replace(b"1}", b"9" * 5000 + b"}"), None),
        (json.dumps({**GOOD, "metadata": None}).encode().replace(b"null", nested(_MEGABYTE // 6)), None),
    ],
    ids=["a megabyte deep", "900 deep", "33 deep", "a megabyte wide", "5000 digits", "deep where it is ignored"],
)
def test_what_nobody_would_write_is_refused(body: bytes, param: str | None, rich_alice: Member) -> None:
    response = post(body, key_of(rich_alice))

    error = error_of(response)
    assert (response.status_code, error["code"], error["param"]) == (400, "invalid_value", param)
    assert_nothing_happened(rich_alice)
