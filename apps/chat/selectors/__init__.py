"""Reads of chat, always through the user: somebody else's row does not exist."""

from apps.chat.selectors.answers import answer_of, generation_detail, generation_of
from apps.chat.selectors.catalogue import (
    ModelFacts,
    free_use_left,
    model_facts,
    models_on_offer,
    offers,
    policy,
    policy_on_show,
    priced_models,
    tokenizer_of,
)
from apps.chat.selectors.conversations import (
    branch_of,
    conversation_of,
    conversation_with_branch,
    conversations_of,
    message_of,
    messages_of,
    recent_conversations,
    search,
    summary,
    turns_above,
)
from apps.chat.selectors.key_usage import charged_between, used_by_day
from apps.chat.selectors.pictures import (
    kept_pictures,
    known_pictures,
    picture_detail,
    picture_of,
    unshown_pictures,
)
from apps.chat.selectors.reports import is_revealed, report, report_detail, report_on, reports_of
from apps.chat.selectors.routes import OpenRoute, open_routes, recent_failures, trial_targets

__all__ = [
    "ModelFacts",
    "OpenRoute",
    "answer_of",
    "branch_of",
    "charged_between",
    "conversation_of",
    "conversation_with_branch",
    "conversations_of",
    "free_use_left",
    "generation_detail",
    "generation_of",
    "is_revealed",
    "kept_pictures",
    "known_pictures",
    "message_of",
    "messages_of",
    "model_facts",
    "models_on_offer",
    "offers",
    "open_routes",
    "picture_detail",
    "picture_of",
    "policy",
    "policy_on_show",
    "priced_models",
    "recent_conversations",
    "recent_failures",
    "report",
    "report_detail",
    "report_on",
    "reports_of",
    "search",
    "summary",
    "tokenizer_of",
    "trial_targets",
    "turns_above",
    "used_by_day",
    "unshown_pictures",
]
