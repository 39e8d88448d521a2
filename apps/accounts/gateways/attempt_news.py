"""Telling the page that its attempt has moved on. A hint without content: what is true is in the database."""

from uuid import UUID

from apps.kernel.redis import tell_redis


def channel(attempt_id: UUID) -> str:
    """Where the attempt's page listens."""
    return f"accounts:login_attempt:{attempt_id}"


def tell(attempt_id: UUID) -> None:
    """Wake the attempt's page; without Redis it looks by itself a moment later."""
    tell_redis(lambda client: client.publish(channel(attempt_id), b"moved"), instead="sign-in pages poll instead")
