"""When a provider wants to be asked again."""

from datetime import datetime

import pytest

from apps.chat.engine.transport import Refused
from apps.chat.engine.upstream_errors import Complaint
from apps.kernel import clock


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("5", 5.0),
        ("0.5", 0.5),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:28:30", 30.0),
        ("Wed, 21 Oct 2026 07:27:00 GMT", 0.0),
        ("999999999999", 999999999999.0),
        ("", 0.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("nan", 0.0),
        ("inf", 0.0),
        ("soon", 0.0),
        ("1" * 400, 0.0),
        ("Oct 0 +9999999999999 07:28:00 -9999", 0.0),
        ("Wed, 99 Oct 2026 07:28:00 GMT", 0.0),
    ],
)
def test_a_provider_says_when_it_wants_to_be_asked_again(
    header: str, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime.fromisoformat("2026-10-21T07:28:00Z"))

    refused = Refused(429, Complaint(), retry_after=header)

    assert (refused.error.code, refused.error.retry_seconds) == ("upstream_busy", seconds)
