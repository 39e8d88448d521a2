"""Rows of the stand-ins, one module per thing that they stand for."""

from apps.sandbox.models.bench import Fault
from apps.sandbox.models.wechat import (
    AccessToken,
    Direction,
    Follower,
    LoginAnswer,
    OAuthCode,
    OfficialAccount,
    PhoneMessage,
    Scan,
    Ticket,
    TokenKind,
)
from apps.sandbox.models.wechat_pay import Notification, NotificationState, NotifyAttempt, Payment, PaymentState

__all__ = [
    "AccessToken",
    "Direction",
    "Fault",
    "Follower",
    "LoginAnswer",
    "Notification",
    "NotificationState",
    "NotifyAttempt",
    "OAuthCode",
    "OfficialAccount",
    "Payment",
    "PaymentState",
    "PhoneMessage",
    "Scan",
    "Ticket",
    "TokenKind",
]
