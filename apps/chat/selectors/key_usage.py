"""Sums over the answers of one API key."""

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, F, QuerySet, Sum
from django.db.models.functions import TruncDate

from apps.chat.contracts import UsedOnDay
from apps.chat.models import Generation
from apps.kernel.ids import UserId


def used_by_day(*, user_id: UserId, key_id: UUID, since: datetime, until: datetime) -> list[UsedOnDay]:
    """By local day, the newest first, and model: what was asked in this time and is settled."""
    rows = _settled(user_id=user_id, key_id=key_id, since=since, until=until)
    days = rows.annotate(day=TruncDate("created_at", tzinfo=ZoneInfo(settings.TIME_ZONE))).values(
        "day", code=F("model__code")
    )
    sums = days.annotate(
        answers=Count("pk"),
        asked=Sum("prompt_tokens"),
        answered=Sum("completion_tokens"),
        charged=Sum("charged_milli"),
    )
    return [
        UsedOnDay(
            day=row["day"],
            model=row["code"],
            answers=row["answers"],
            input_tokens=row["asked"],
            output_tokens=row["answered"],
            charged_milli=row["charged"],
        )
        for row in sums.order_by("-day", "code")
    ]


def charged_between(*, user_id: UserId, key_id: UUID, since: datetime, until: datetime) -> int:
    """What was charged for what was asked in this time, in milli-credits."""
    rows = _settled(user_id=user_id, key_id=key_id, since=since, until=until)
    return int(rows.aggregate(charged=Sum("charged_milli", default=0))["charged"])


def _settled(*, user_id: UserId, key_id: UUID, since: datetime, until: datetime) -> QuerySet[Generation]:
    """By the index of a key's answers."""
    asked = Generation.objects.filter(user_id=user_id, api_key_id=key_id, created_at__gte=since, created_at__lt=until)
    return asked.filter(settled_at__isnull=False)
