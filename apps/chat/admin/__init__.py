"""Operators' view of chat: configuration through services; jobs and conversations without a word of their text."""

from apps.chat.admin import alarms, answers, catalogue, chain, channels, prompt_library, reports, usages, word_lists

__all__ = ["alarms", "answers", "catalogue", "chain", "channels", "prompt_library", "reports", "usages", "word_lists"]
