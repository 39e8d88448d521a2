"""Odds versions: drafts that operators edit, and their publication, after which nothing about them changes."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from apps.kernel import audit
from apps.marketing import rules, selectors
from apps.marketing.contracts import OddsDetail, OddsState, PrizeDraft, PrizeSpec
from apps.marketing.models import Activity, OddsVersion, Prize
from apps.marketing.services.saving import require_reason


def save_draft(*, activity_id: UUID, declared_total: int, prizes: Sequence[PrizeDraft], now: datetime) -> OddsDetail:
    """Write the activity's newest draft anew, or make one; whether it can be published is asked then.

    Raises ActivityNotFound.
    """
    with transaction.atomic():
        activity = selectors.lock_activity(activity_id=activity_id)
        drafts = OddsVersion.objects.filter(activity=activity, state=OddsState.DRAFT)
        draft = drafts.order_by("-number").first() or _new_draft(activity, declared_total, now)
        draft.declared_total = declared_total
        draft.save(update_fields=["declared_total"])
        Prize.objects.filter(odds=draft).delete()
        Prize.objects.bulk_create(_prize(draft, prize, now) for prize in prizes)
    return _detail(draft)


def new_draft(*, activity_id: UUID, declared_total: int, actor: str, reason: str, now: datetime) -> OddsDetail:
    """Make an empty draft. Raises ReasonMissing, ActivityNotFound."""
    require_reason(reason)
    with transaction.atomic():
        activity = selectors.lock_activity(activity_id=activity_id)
        draft = _new_draft(activity, declared_total, now)
        audit.record(
            actor=actor,
            action="marketing.new_draft",
            target=("odds_version", str(draft.id)),
            reason=reason,
            after={"number": draft.number, "declared_total": declared_total},
            now=now,
        )
    return _detail(draft)


def clone_odds(*, version_id: UUID, actor: str, reason: str, now: datetime) -> OddsDetail:
    """Make a new draft with the content of any version.

    Raises ReasonMissing, OddsNotFound.
    """
    require_reason(reason)
    with transaction.atomic():
        source = selectors.lock_odds(version_id=version_id)
        draft = _new_draft(source.activity, source.declared_total, now)
        Prize.objects.bulk_create(_prize(draft, prize, now) for prize in selectors.prizes_of(version_id))
        audit.record(
            actor=actor,
            action="marketing.clone_odds",
            target=("odds_version", str(draft.id)),
            reason=reason,
            after={"cloned_from": str(version_id), "number": draft.number},
            now=now,
        )
    return _detail(draft)


def publish_odds(*, version_id: UUID, actor: str, reason: str, now: datetime) -> OddsDetail:
    """Publish a draft: from now on the activity draws by it, and its content never changes again.

    Raises ReasonMissing, OddsNotFound, IllegalTransition (not a draft), and the OddsNotPublishable that
    names what is wrong with the draft.
    """
    require_reason(reason)
    with transaction.atomic():
        draft = selectors.lock_odds(version_id=version_id)
        activity = draft.activity
        rules.check_transition(rules.NEXT_ODDS, draft.state, OddsState.PUBLISHED)
        prizes = selectors.prizes_of(version_id)
        rules.check_publishable(
            prizes, declared_total=draft.declared_total, stocks=selectors.stocks_of(activity_id=activity.id)
        )
        content = rules.canonical_content(prizes, activity_id=activity.id, declared_total=draft.declared_total)
        before = activity.odds_id
        OddsVersion.objects.filter(activity=activity, state=OddsState.PUBLISHED).update(state=OddsState.RETIRED)
        draft.state = OddsState.PUBLISHED
        draft.content_hash = rules.content_hash(content)
        draft.published_at = now
        draft.published_by = actor
        draft.save(update_fields=["state", "content_hash", "published_at", "published_by"])
        activity.odds = draft
        activity.save(update_fields=["odds"])
        audit.record(
            actor=actor,
            action="marketing.publish_odds",
            target=("odds_version", str(version_id)),
            reason=reason,
            before={"odds_version": str(before) if before else None},
            after={"odds_version": str(version_id), "content_hash": draft.content_hash},
            now=now,
        )
    return _detail(draft)


def _new_draft(activity: Activity, declared_total: int, now: datetime) -> OddsVersion:
    """The caller holds the activity's lock, so the number is free."""
    last = OddsVersion.objects.filter(activity=activity).aggregate(last=Max("number"))["last"]
    return OddsVersion.objects.create(
        activity=activity, number=(last or 0) + 1, declared_total=declared_total, created_at=now
    )


def _prize(draft: OddsVersion, prize: PrizeDraft | PrizeSpec, now: datetime) -> Prize:
    return Prize(
        odds=draft,
        position=prize.position,
        title=prize.title,
        kind=prize.kind,
        amount=prize.amount,
        weight=prize.weight,
        is_fallback=prize.is_fallback,
        stock_id=prize.stock_id,
        created_at=now,
    )


def _detail(row: OddsVersion) -> OddsDetail:
    return OddsDetail(
        id=row.id,
        activity_id=row.activity_id,
        number=row.number,
        state=row.state,
        declared_total=row.declared_total,
        content_hash=row.content_hash,
    )
