"""What has happened already is told, however long the database takes."""

import pytest
from django.db import InterfaceError, OperationalError, ProgrammingError

from apps.kernel import insisting


@pytest.mark.parametrize("wrong", [LookupError, ProgrammingError])
async def test_it_is_asked_for_until_the_database_says_it(
    wrong: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(insisting, "_REST_SECONDS", 0)
    refusals = iter((OperationalError(), InterfaceError(), wrong()))

    async def told() -> str:
        for refusal in refusals:
            raise refusal
        return "said"

    with pytest.raises(wrong):
        await insisting.insist(told)
    assert await insisting.insist(told) == "said"
