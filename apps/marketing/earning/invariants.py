"""What must never be false about sign-ins."""

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.db.models import Count

from apps.kernel import clock
from apps.kernel.ids import first_id_at
from apps.kernel.invariants import SHOWN, Breach, invariant
from apps.marketing.earning.models import SignIn

_CHUNK = 2000


@invariant("I-40", "a person signs in once a day")
def sign_ins_are_daily(now: datetime) -> Iterable[Breach]:
    """Days with two sign-ins; the unique key makes it impossible while it is there."""
    counted = SignIn.objects.values("person_id", "local_day").annotate(times=Count("pk"))
    for row in counted.filter(times__gt=1).order_by("person_id")[:SHOWN]:
        yield Breach(f"person {row['person_id']}", f"{row['times']} sign-ins on {row['local_day']}")


@invariant("I-40-days", "a sign-in counts for the day on which it happened", windowed=True)
def sign_ins_are_of_their_days(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Sign-ins of another day than the site's when they were made: the day itself would be free for another one."""
    sign_ins = SignIn.objects.all() if since is None else SignIn.objects.filter(pk__gte=first_id_at(since))
    columns = sign_ins.values_list("pk", "local_day", "created_at")
    for pk, local_day, created_at in columns.iterator(chunk_size=_CHUNK):
        if local_day != clock.local_date(created_at, settings.TIME_ZONE):
            yield Breach(f"sign-in {pk}", f"of {local_day}, made at {created_at.isoformat()}")
