"""Operators' view of marketing: configuration through services with a reason; what members did is only looked at."""

from apps.marketing.admin import campaigns, records, rewards

__all__ = ["campaigns", "records", "rewards"]
