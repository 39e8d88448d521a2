"""The feed of winners."""

from uuid import UUID

from apps.accounts import services as accounts
from apps.marketing.campaigns.selectors import visible_activity
from apps.marketing.draws import rules, selectors
from apps.marketing.draws.contracts import Winner


def winners_of(*, activity_id: UUID) -> list[Winner]:
    """The newest wins of an activity, names masked. Raises ActivityNotFound."""
    visible_activity(activity_id=activity_id)
    wins = selectors.latest_wins(activity_id=activity_id, limit=rules.FEED_SIZE)
    members = accounts.members(user_ids={user_id for user_id, _, _ in wins})
    return [
        Winner(member=rules.masked(members[user_id].nickname if user_id in members else ""), title=title, won_at=at)
        for user_id, title, at in wins
    ]
