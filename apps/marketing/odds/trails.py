"""Published odds against the operators' trail."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import OuterRef, Subquery

from apps.kernel.db import IdText
from apps.kernel.invariants import Breach, invariant
from apps.kernel.models import AuditEntry
from apps.marketing.odds.contracts import OddsState
from apps.marketing.odds.models import OddsVersion

_CHUNK = 2000


@invariant("I-48-published", "odds were published by who the trail says, as they are")
def odds_were_published(now: datetime) -> Iterable[Breach]:
    """Published and retired versions that no entry, or another one, tells of."""
    told = AuditEntry.objects.filter(
        target_type="odds_version",
        target_id=IdText(OuterRef("pk")),
        action="marketing.publish_odds",
        actor=OuterRef("published_by"),
        created_at=OuterRef("published_at"),
    )
    versions = OddsVersion.objects.exclude(state=OddsState.DRAFT).annotate(said=Subquery(told.values("after")[:1]))
    for row in versions.order_by("pk").iterator(chunk_size=_CHUNK):
        if (row.said or {}).get("content_hash") != row.content_hash:
            yield Breach(f"odds version {row.pk}", "its publication is not on the audit trail", str(row.activity_id))
