"""Members: who they are, how they become one, what they may do."""

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction

from apps.accounts import rules, selectors
from apps.accounts.avatars import AVATARS
from apps.accounts.contracts import Member, MemberStatus, Profile
from apps.accounts.errors import (
    AvatarNotKnown,
    LanguageNotKnown,
    MemberClosed,
    UsernameTaken,
)
from apps.accounts.events import UserRegistered
from apps.accounts.models import Person, User, WeChatIdentity
from apps.accounts.services.operators_reach import require_reach
from apps.accounts.services.passwords import check_password
from apps.accounts.services.persons import keep_known, meet
from apps.accounts.services.randomness import default_nickname
from apps.kernel import audit, outbox
from apps.kernel.db import is_unique_violation, require_transaction
from apps.kernel.ids import UserId


def get_member(*, user_id: UserId) -> Member:
    """Show one member. Raises MemberNotFound."""
    return selectors.as_member(selectors.user(user_id))


def hold_member(*, user_id: UserId) -> Member:
    """One member, who until the end of the caller's transaction is neither frozen nor closed. Raises MemberNotFound."""
    require_transaction("accounts.hold_member()")
    return selectors.as_member(selectors.lock_user(user_id))


def hold_open(*, user_id: UserId) -> Member:
    """The same for whoever writes something of their own: nothing is written at a closed account, or while it closes.

    Raises MemberClosed, MemberNotFound.
    """
    require_transaction("accounts.hold_open()")
    return selectors.as_member(selectors.lock_open_user(user_id))


def members(*, user_ids: Iterable[UserId]) -> dict[UserId, Member]:
    """Show many members in one query; unknown ids are left out."""
    return {UserId(row.pk): selectors.as_member(row) for row in selectors.users(user_ids)}


def get_profile(*, user_id: UserId) -> Profile:
    """Show a member to themselves. Raises MemberNotFound."""
    return selectors.as_profile(selectors.user(user_id))


def register_member(*, openid: str, now: datetime, invite_code: str = "") -> Member:
    """Make this follower of our official account a member, or find the member that they are.

    A new member is announced as UserRegistered in the same transaction.
    """
    with transaction.atomic():
        user, _ = member_of(identity=identity_of(openid=openid, now=now), invite_code=invite_code, now=now)
    return selectors.as_member(user)


def identity_of(*, openid: str, now: datetime) -> WeChatIdentity:
    """How WeChat knows a follower, locked in the caller's transaction; written if we have not met them."""
    app_id = settings.WECHAT_OA["APP_ID"]
    while True:
        identity, _ = WeChatIdentity.objects.get_or_create(app_id=app_id, openid=openid, defaults={"created_at": now})
        # An account that is closed between the two statements takes the row with it: the next round writes a new one.
        if (locked := selectors.lock_identities().filter(pk=identity.pk).first()) is not None:
            return locked


def member_of(*, identity: WeChatIdentity, invite_code: str, now: datetime) -> tuple[User, bool]:
    """The user of an identity that the caller has locked, made now if this is the first time; and whether it was."""
    if identity.user_id is not None:
        user = selectors.user_with_person(UserId(identity.user_id))
        keep_known(person=user.person, identity=identity)
        return user, False
    person, is_returning = meet(identity=identity, now=now)
    user = User(person=person, nickname=default_nickname(), created_at=now)
    user.set_unusable_password()
    user.save(force_insert=True)
    identity.user = user
    identity.save(update_fields=["user"])
    outbox.publish(
        UserRegistered(user_id=UserId(user.pk), invite_code=invite_code, is_returning=is_returning, occurred_at=now)
    )
    return user, True


def change_profile(
    *, user_id: UserId, nickname: str | None = None, avatar: str | None = None, language: str | None = None
) -> Profile:
    """Change what a member says about themselves; None leaves a field as it is.

    Raises NicknameNotValid, NicknameReserved, AvatarNotKnown, LanguageNotKnown, MemberClosed, MemberNotFound.
    """
    changes: dict[str, str] = {}
    if nickname is not None:
        changes["nickname"] = rules.clean_nickname(nickname)
    if avatar is not None:
        if avatar not in AVATARS:
            raise AvatarNotKnown()
        changes["avatar"] = avatar
    if language is not None:
        if language not in dict(settings.LANGUAGES):
            raise LanguageNotKnown()
        changes["language"] = language
    with transaction.atomic():
        user = selectors.lock_open_user(user_id)
        for field, value in changes.items():
            setattr(user, field, value)
        user.save(update_fields=list(changes))
    return selectors.as_profile(user)


def freeze(*, user_id: UserId, actor: str, reason: str, now: datetime) -> Member:
    """Stop a member from chatting, paying and drawing; freezing twice changes nothing.

    `actor` is "staff:<id>". Raises MemberNotFound, MemberClosed, OperatorOutOfReach, ReasonMissing.
    """
    return _set_status(user_id, MemberStatus.FROZEN, "accounts.freeze", actor=actor, reason=reason, now=now)


def unfreeze(*, user_id: UserId, actor: str, reason: str, now: datetime) -> Member:
    """Let a frozen member act again.

    `actor` is "staff:<id>". Raises MemberNotFound, MemberClosed, OperatorOutOfReach, ReasonMissing.
    """
    return _set_status(user_id, MemberStatus.ACTIVE, "accounts.unfreeze", actor=actor, reason=reason, now=now)


def create_operator(
    *,
    username: str,
    password: str,
    now: datetime,
    roles: tuple[str, ...] | None = None,
    actor: str = audit.SYSTEM,
    reason: str = "set-up",
) -> Member:
    """Make an operator who signs in to the admin with a password, and may do there what the roles may.

    Without `roles` (None, not none of them) they may do everything.
    Raises UsernameTaken, PasswordNotGood, RoleNotKnown.
    """
    operator = User(
        person=Person(created_at=now),
        username=username,
        nickname=username[: rules.NICKNAME_LENGTH],
        is_staff=True,
        is_superuser=roles is None,
        created_at=now,
    )
    check_password(user=operator, password=password)
    operator.set_password(password)
    try:
        with transaction.atomic():
            operator.person.save(force_insert=True)
            operator.save(force_insert=True)
            operator.groups.set(selectors.roles(roles or ()))
            audit.record(
                actor=actor,
                action="accounts.create_operator",
                target=("user", str(operator.pk)),
                reason=reason,
                after={"username": username, "roles": None if roles is None else sorted(roles)},
                now=now,
            )
    except IntegrityError as error:
        if is_unique_violation(error, "accounts_user_username", ("username",)):
            raise UsernameTaken() from None
        raise
    return selectors.as_member(operator)


def _set_status(
    user_id: UserId, status: MemberStatus, action: str, *, actor: str, reason: str, now: datetime
) -> Member:
    audit.require_reason(reason)
    with transaction.atomic():
        user = selectors.lock_user(user_id)
        require_reach(actor=actor, user=user)
        before = user.status
        if before == MemberStatus.CLOSED:
            raise MemberClosed()
        if before != status:
            user.status = status
            user.save(update_fields=["status"])
            audit.record(
                actor=actor,
                action=action,
                target=("user", str(user_id)),
                reason=reason,
                before={"status": before},
                after={"status": status.value},
                now=now,
            )
    return selectors.as_member(user)
