"""Operators' view of accounts: members, what lets them in and holds them back. No openid is shown in full."""

from apps.accounts.admin import access, people, texts

__all__ = ["access", "people", "texts"]
