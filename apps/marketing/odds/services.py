"""Odds versions: drafts that operators edit, and their publication, after which nothing about them changes."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from apps.kernel import audit
from apps.marketing.campaigns.contracts import ActivityDetail
from apps.marketing.campaigns.errors import IllegalTransition
from apps.marketing.campaigns.models import Activity
from apps.marketing.campaigns.rules import check_transition
from apps.marketing.campaigns.selectors import lock_activity
from apps.marketing.odds import errors, rules, selectors
from apps.marketing.odds.contracts import OddsDetail, OddsState, PrizeDraft, PrizeSpec
from apps.marketing.odds.models import OddsVersion, Prize
from apps.marketing.prizes.selectors import stocks_of

__all__ = [
    "check_stocks",
    "clone_odds",
    "publish_odds",
    "save_draft",
]


def check_stocks(*, activity: ActivityDetail) -> None:
    """Raise OddsStockEmpty if a limited prize of an activity has run out before its start (a StartCheck)."""
    left = stocks_of(activity_id=activity.id)
    for prize in selectors.prizes_of(activity.odds_version_id) if activity.odds_version_id else ():
        if prize.stock_id is not None and left[prize.stock_id] < 1:
            raise errors.OddsStockEmpty(position=prize.position)


def save_draft(
    *,
    activity_id: UUID,
    declared_total: int,
    prizes: Sequence[PrizeDraft],
    now: datetime,
    version_id: UUID | None = None,
    seen: Collection[UUID] | None = None,
    actor: str = audit.SYSTEM,
    reason: str = "configuration",
) -> OddsDetail:
    """Bring a draft to exactly this content, or without `version_id` make a new one; the trail has it before and after.

    Whether it can be published is asked at publication. `seen` are the ids of the prizes that the editor was shown.
    Raises ReasonMissing, ActivityNotFound, OddsNotFound, IllegalTransition (not a draft), DraftChanged (it holds other
    prizes than those seen), OddsKindUnknown, OddsPositionRepeated, OddsFallbackAmbiguous.
    """
    audit.require_reason(reason)
    rules.check_draft(prizes)
    with transaction.atomic():
        if version_id is None:
            before = None
            draft = _new_draft(lock_activity(activity_id=activity_id), declared_total, now)
        else:
            draft = selectors.lock_odds(version_id=version_id)
            before = _content(draft)
            _check_may_be_edited(draft, seen)
            draft.declared_total = declared_total
            draft.save(update_fields=["declared_total"])
            Prize.objects.filter(odds=draft).delete()
        Prize.objects.bulk_create(_prize(draft, prize, now) for prize in prizes)
        audit.record(
            actor=actor,
            action="marketing.save_draft",
            target=("odds_version", str(draft.id)),
            reason=reason,
            before=before,
            after=_content(draft),
            now=now,
        )
    return _detail(draft)


def clone_odds(*, version_id: UUID, actor: str, reason: str, now: datetime) -> OddsDetail:
    """Make a new draft with the content of any version.

    Raises ReasonMissing, OddsNotFound, OddsKindUnknown (of a kind that is gone).
    """
    audit.require_reason(reason)
    with transaction.atomic():
        source = selectors.lock_odds(version_id=version_id)
        prizes = selectors.prizes_of(version_id)
        rules.check_draft(prizes)
        draft = _new_draft(source.activity, source.declared_total, now)
        Prize.objects.bulk_create(_prize(draft, prize, now) for prize in prizes)
        audit.record(
            actor=actor,
            action="marketing.clone_odds",
            target=("odds_version", str(draft.id)),
            reason=reason,
            after={"cloned_from": str(version_id), **_content(draft)},
            now=now,
        )
    return _detail(draft)


def publish_odds(*, version_id: UUID, actor: str, reason: str, now: datetime) -> OddsDetail:
    """Publish a draft: from now on the activity draws by it, and its content never changes again.

    Raises ReasonMissing, OddsNotFound, IllegalTransition (not a draft), and the OddsNotPublishable that
    names what is wrong with the draft.
    """
    audit.require_reason(reason)
    with transaction.atomic():
        draft = selectors.lock_odds(version_id=version_id)
        activity = draft.activity
        check_transition(rules.NEXT_ODDS, draft.state, OddsState.PUBLISHED)
        prizes = selectors.prizes_of(version_id)
        rules.check_publishable(prizes, declared_total=draft.declared_total, stocks=stocks_of(activity_id=activity.id))
        before = activity.odds_id
        OddsVersion.objects.filter(activity=activity, state=OddsState.PUBLISHED).update(state=OddsState.RETIRED)
        draft.state = OddsState.PUBLISHED
        draft.content = rules.canonical_content(prizes, activity_id=activity.id, declared_total=draft.declared_total)
        draft.content_hash = rules.content_hash(draft.content)
        draft.published_at = now
        draft.published_by = actor
        draft.save(update_fields=["state", "content", "content_hash", "published_at", "published_by"])
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


def _check_may_be_edited(draft: OddsVersion, seen: Collection[UUID] | None) -> None:
    if draft.state != OddsState.DRAFT:
        raise IllegalTransition(current=draft.state, target=OddsState.DRAFT)
    if seen is not None and set(seen) != set(Prize.objects.filter(odds=draft).values_list("pk", flat=True)):
        raise errors.DraftChanged


def _content(draft: OddsVersion) -> dict[str, Any]:
    """The whole content for the trail, as it would be published."""
    text = rules.canonical_content(
        selectors.prizes_of(draft.id), activity_id=draft.activity_id, declared_total=draft.declared_total
    )
    return {"number": draft.number, **json.loads(text)}


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
