"""The rows of accounts, by noun."""

from apps.accounts.models.access import ApiKey, ListEntry, LoginEvent, MemberSession
from apps.accounts.models.people import Person, Role, User, UserManager, WeChatIdentity
from apps.accounts.models.second_factor import BackupCode, SecondFactor
from apps.accounts.models.sign_in import CallbackMessage, LoginAttempt, LoginCode, UsedSignature
from apps.accounts.models.texts import ReplyText

__all__ = [
    "ApiKey",
    "BackupCode",
    "CallbackMessage",
    "ListEntry",
    "LoginAttempt",
    "LoginCode",
    "LoginEvent",
    "MemberSession",
    "Person",
    "ReplyText",
    "Role",
    "SecondFactor",
    "UsedSignature",
    "User",
    "UserManager",
    "WeChatIdentity",
]
