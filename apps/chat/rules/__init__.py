"""Decisions of chat without I/O: who may ask, what fits the context, what an answer costs, which state follows."""

from apps.chat.rules.addresses import (
    check_channel_addresses,
    check_key_may_stay,
    differ_in_port,
    is_on_this_machine,
    is_our_own,
)
from apps.chat.rules.chain import (
    Question,
    Rule,
    RuleSetting,
    RuleStanding,
    arranged,
    in_force,
    pass_through,
    refused_by,
)
from apps.chat.rules.charging import MOST_CONTEXT_TOKENS, check_price
from apps.chat.rules.entitlements import lengthened
from apps.chat.rules.keys import FIRST_KEY, KEY_SLEEP, hint_of, is_header_value
from apps.chat.rules.networks import is_within, read_network
from apps.chat.rules.outcomes import (
    ANSWER_FILTERED,
    ENGINE_LOST,
    FILTERED,
    INTERNAL,
    NEXT,
    abandoned_state,
    check_transition,
    is_delivered,
    is_unpaid,
    is_whole,
    sources_of,
)
from apps.chat.rules.requests import (
    MAX_TURNS,
    asked_tokens,
    check_fits,
    estimate_tokens,
    fit_history,
    message_tokens,
    read_request,
    request_of,
    text_turn,
    turns_of,
)
from apps.chat.rules.routing import order_of_asking
from apps.chat.rules.titles import MAX_TITLE, check_title, title_from
from apps.chat.rules.usage import counted
from apps.chat.rules.word_lists import digest_of, is_same_question, read_word_file, read_words, word_file

__all__ = [
    "ANSWER_FILTERED",
    "ENGINE_LOST",
    "FILTERED",
    "FIRST_KEY",
    "INTERNAL",
    "KEY_SLEEP",
    "MAX_TITLE",
    "MAX_TURNS",
    "MOST_CONTEXT_TOKENS",
    "NEXT",
    "Question",
    "Rule",
    "RuleSetting",
    "RuleStanding",
    "abandoned_state",
    "arranged",
    "asked_tokens",
    "check_channel_addresses",
    "check_fits",
    "check_key_may_stay",
    "check_price",
    "check_title",
    "check_transition",
    "counted",
    "differ_in_port",
    "digest_of",
    "estimate_tokens",
    "fit_history",
    "in_force",
    "is_delivered",
    "hint_of",
    "is_header_value",
    "is_on_this_machine",
    "is_our_own",
    "is_same_question",
    "is_unpaid",
    "is_whole",
    "is_within",
    "lengthened",
    "message_tokens",
    "order_of_asking",
    "pass_through",
    "read_network",
    "read_request",
    "read_word_file",
    "read_words",
    "refused_by",
    "request_of",
    "sources_of",
    "text_turn",
    "title_from",
    "turns_of",
    "word_file",
]
