"""What must never be false about published odds."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Exists, F, OuterRef, Q

from apps.kernel.invariants import SHOWN, Breach, invariant
from apps.marketing.campaigns.models import Activity
from apps.marketing.odds import rules, selectors
from apps.marketing.odds.contracts import OddsState
from apps.marketing.odds.models import OddsVersion

_CHUNK = 2000


@invariant("I-48", "published odds are what was published")
def published_odds_are_unchanged(now: datetime) -> Iterable[Breach]:
    """Published versions whose text no longer has the hash of its publication, or whose prizes are not its."""
    versions = OddsVersion.objects.exclude(state=OddsState.DRAFT).order_by("pk")
    for version in versions.iterator(chunk_size=_CHUNK):
        prizes = selectors.prizes_of(version.pk)
        if rules.content_hash(version.content) != version.content_hash:
            yield Breach(f"odds version {version.pk}", "the content has another hash")
            continue
        content = rules.canonical_content(
            prizes,
            activity_id=version.activity_id,
            declared_total=version.declared_total,
            text_format=rules.format_of(version.content),
        )
        if content != version.content:
            yield Breach(f"odds version {version.pk}", "the prizes are not those of the content")
        if sum(prize.weight for prize in prizes) != version.declared_total:
            yield Breach(f"odds version {version.pk}", "the weights do not add up")


@invariant("I-26-odds", "an activity draws by its own odds, and by those that are published now")
def activities_draw_by_published_odds(now: datetime) -> Iterable[Breach]:
    """Activities that point at a draft, at a retired version, at another activity's, or at none though one is out."""
    right = Q(odds__state=OddsState.PUBLISHED, odds__activity_id=F("pk"))
    out = OddsVersion.objects.filter(activity_id=OuterRef("pk")).exclude(state=OddsState.DRAFT)
    for row in Activity.objects.filter(Q(odds__isnull=False) | Exists(out)).exclude(right).order_by("pk")[:SHOWN]:
        yield Breach(
            f"activity {row.pk}", f"draws by odds {row.odds_id}, which are not its published ones", str(row.pk)
        )
