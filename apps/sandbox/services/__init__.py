"""The sandbox's doors: the phone, one module per thing that a provider does, and what is switched around them."""

from apps.sandbox.services import (
    account_type,
    api_faults,
    faults,
    merchant_gate,
    notifications,
    oauth,
    official_account,
    payments,
    phone,
)

__all__ = [
    "account_type",
    "api_faults",
    "faults",
    "merchant_gate",
    "notifications",
    "oauth",
    "official_account",
    "payments",
    "phone",
]
