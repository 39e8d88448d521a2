"""Operators' view of accounts: members, what lets them in and holds them back. No openid is shown in full."""

from collections.abc import Collection, Mapping
from uuid import UUID

from apps.accounts import services
from apps.accounts.admin import access, people, texts
from apps.accounts.models import User
from apps.kernel.admin import name_people
from apps.kernel.ids import UserId

__all__ = ["access", "people", "texts"]


def _names_of(ids: Collection[UUID]) -> Mapping[UUID, str]:
    return {who: member.nickname for who, member in services.members(user_ids=map(UserId, ids)).items()}


name_people(User, _names_of)
