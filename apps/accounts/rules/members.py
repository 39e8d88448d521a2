"""What belongs to a member as such."""

from apps.kernel.ids import UserId

INVITE_LENGTH = 32
EXPORTS_PER_DAY = 5


def pseudonym(user_id: UserId) -> str:
    """What stands in a closed account's place where a nickname was: nothing of the person, the same everywhere."""
    return f"#{user_id.hex[-6:]}"
