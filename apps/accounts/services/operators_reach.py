"""Whom an operator may act upon: members, and other operators only if they may do everything."""

from uuid import UUID

from apps.accounts.errors import OperatorOutOfReach
from apps.accounts.models import User
from apps.kernel import audit
from apps.kernel.ids import UserId


def require_reach(*, actor: str, user: User) -> None:
    """Refuse an act of somebody's on an operator, unless the actor is a superuser or the system itself.

    Or support could sign out, freeze or lock out those who watch over support. Raises OperatorOutOfReach.
    """
    if not (user.is_staff or user.is_superuser) or actor == audit.SYSTEM:
        return
    actor_id = _operator_id(actor)
    if actor_id is None or not User.objects.filter(pk=actor_id, is_staff=True, is_superuser=True).exists():
        raise OperatorOutOfReach()


def require_reach_or_self(*, actor: str, user: User) -> None:
    """The same, but what is one's own may be ended by oneself. Raises OperatorOutOfReach."""
    if _operator_id(actor) != user.pk:
        require_reach(actor=actor, user=user)


def _operator_id(actor: str) -> UserId | None:
    """The id in "staff:<id>"."""
    try:
        return UserId(UUID(actor.removeprefix("staff:")))
    except ValueError:
        return None
