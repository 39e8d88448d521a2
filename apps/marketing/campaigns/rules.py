"""When an activity is open, and the steps of its life."""

from collections.abc import Mapping
from datetime import datetime

from apps.marketing.campaigns import errors
from apps.marketing.campaigns.contracts import ActivityState

NEXT_ACTIVITY: Mapping[str, frozenset[str]] = {
    ActivityState.DRAFT: frozenset({ActivityState.LIVE, ActivityState.ENDED}),
    ActivityState.LIVE: frozenset({ActivityState.PAUSED, ActivityState.ENDED}),
    ActivityState.PAUSED: frozenset({ActivityState.LIVE, ActivityState.ENDED}),
    ActivityState.ENDED: frozenset(),
}


def check_transition(allowed: Mapping[str, frozenset[str]], current: str, target: str) -> None:
    """Raise IllegalTransition unless the table allows this step."""
    if target not in allowed[current]:
        raise errors.IllegalTransition(current=current, target=target)


def check_open(*, state: str, starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    """Raise unless members may draw now.

    Raises ActivityNotFound (a draft is invisible), ActivityPaused, ActivityNotStarted, ActivityEnded.
    """
    if state == ActivityState.DRAFT:
        raise errors.ActivityNotFound
    if state == ActivityState.ENDED or now >= ends_at:
        raise errors.ActivityEnded
    if state == ActivityState.PAUSED:
        raise errors.ActivityPaused
    if now < starts_at:
        raise errors.ActivityNotStarted


def check_time_zone_change(*, state: str, before: str, after: str) -> None:
    """Raise TimeZoneFixed if an activity in this state may not move to another time zone.

    Draws are counted by its days, so it stays from the first draw on. The state is asked and not the draws: a draw
    locks no activity, so one could be under way unseen. A draft has none, and to start it takes the activity's lock.
    """
    if state != ActivityState.DRAFT and after != before:
        raise errors.TimeZoneFixed(time_zone=before)


def is_worth_chances(*, state: str, ends_at: datetime, now: datetime) -> bool:
    """Whether a chance that is given now can be used: the activity is no draft and not over."""
    return state not in {ActivityState.DRAFT, ActivityState.ENDED} and now < ends_at
