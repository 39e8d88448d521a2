"""The tokens of a minute that one API key may take: counted in its answers themselves, so that nothing is given back.

An answer that is still written counts with what it may take, a settled one with what it took.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Case, F, IntegerField, Min, QuerySet, Sum, When

from apps.accounts.contracts import IdentifiedKey
from apps.chat import errors
from apps.chat.models import UNSETTLED, Generation
from apps.chat.rules.admission import Rate, seconds_until
from apps.chat.rules.limits import FREQUENCY_WINDOW

_TOKENS = Case(
    When(state__in=UNSETTLED, then=F("asked_tokens") + F("max_output_tokens")),
    default=F("prompt_tokens") + F("completion_tokens"),
    output_field=IntegerField(),
)


def check_key_tokens(rows: Sequence[Generation], *, key: IdentifiedKey | None, now: datetime) -> Rate | None:
    """Refuse answers, in whose transaction this is, for which the key's minute has no tokens left.

    They are among those that are counted, and so are all of the same request. Whoever asks with this key at the same
    time waits: its row is locked, since answers count against its cap. Two statements at most, and none without a
    limit. What is left, or None where there is no limit.
    Raises RequestBeyondKeyTokens where no minute would be enough, KeyTokensUsedUp.
    """
    limit = key.tokens_per_minute if key is not None else None
    if key is None or limit is None:
        return None
    wanted = sum(row.asked_tokens + row.max_output_tokens for row in rows)
    if wanted > limit:
        raise errors.RequestBeyondKeyTokens(limit=limit, tokens=wanted)
    recent = _recent(key.key_id, now=now)
    found = recent.aggregate(total=Sum("tokens"), oldest=Min("created_at"))
    left = limit - found["total"]
    if left >= 0:
        return Rate(limit=limit, remaining=left, reset_seconds=seconds_until(found["oldest"], now=now))
    # Other answers of the same request were asked at the same moment, and no time sets them free.
    others = recent.exclude(created_at=rows[0].created_at).order_by("created_at").values_list("created_at", "tokens")
    remaining = max(0, left + wanted)
    for created_at, tokens in others.iterator():
        left += tokens
        if left >= 0:
            wait = seconds_until(created_at, now=now)
            raise errors.KeyTokensUsedUp(limit=limit, remaining=remaining, retry_after=wait)
    raise errors.RequestBeyondKeyTokens(limit=limit, tokens=limit - left)


def _recent(key_id: UUID, *, now: datetime) -> QuerySet[Any]:
    """The answers of the last minute. For one of a far future, whose clock was ahead, nobody waits."""
    window = {"created_at__gt": now - FREQUENCY_WINDOW, "created_at__lt": now + FREQUENCY_WINDOW}
    return Generation.objects.filter(api_key_id=key_id, **window).annotate(tokens=_TOKENS)
