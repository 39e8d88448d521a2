"""Reads of chat, always through the user: somebody else's row does not exist."""

from apps.chat.selectors.answers import answer_of, generation_detail, generation_of
from apps.chat.selectors.catalogue import ModelFacts, free_use_left, model_facts, offers, policy
from apps.chat.selectors.conversations import (
    branch_of,
    conversation_of,
    conversations_of,
    messages_of,
    recent_conversations,
    search,
    summary,
)

__all__ = [
    "ModelFacts",
    "answer_of",
    "branch_of",
    "conversation_of",
    "conversations_of",
    "free_use_left",
    "generation_detail",
    "generation_of",
    "messages_of",
    "model_facts",
    "offers",
    "policy",
    "recent_conversations",
    "search",
    "summary",
]
