"""The door of chat: ask, follow, stop; conversations; quota; configuration; and the verbs of the engine."""

from apps.chat.services.alarms import (
    answers_running,
    channel_alarms,
    channels_left_alone,
    keys_asleep,
)
from apps.chat.services.asking import ask_question, regenerate_answer
from apps.chat.services.attempts import record_attempt
from apps.chat.services.catalogue import check_models, policy_on_show, save_model, save_policy
from apps.chat.services.chain import (
    blocked_networks,
    ensure_rules,
    refusals_by_rule,
    rule_standings,
    save_network,
    save_rule,
)
from apps.chat.services.channels import follow_port, save_channel, save_channel_key, save_route
from apps.chat.services.conversations import begin_afresh, change_conversation, create_conversation, delete_conversation
from apps.chat.services.costs import save_route_cost
from apps.chat.services.counting import count_answer, fit_job
from apps.chat.services.embeddings import forget_vectors, start_embeddings, take_vectors
from apps.chat.services.free_allowance import local_day
from apps.chat.services.generations import (
    claim_jobs,
    find_stop_requests,
    finish_run,
    keep_text,
    read_answer,
    read_progress,
)
from apps.chat.services.health import begin_probe, has_begun
from apps.chat.services.key_usage import charged_with_key, used_with_key
from apps.chat.services.labelled import export_conversation, label_of_archive, registered_models, verify_label
from apps.chat.services.own_data import (
    check_nothing_runs,
    erase_texts,
    export_conversations,
    export_entitlements,
    export_generations,
    export_messages,
    export_quota_entries,
)
from apps.chat.services.own_keys import (
    delete_own_key,
    erase_own_keys,
    export_own_keys,
    own_key,
    own_keys_of,
    remove_lost_own_keys,
    save_own_key,
    test_own_key,
)
from apps.chat.services.pictures import (
    check_room_for_pictures,
    discard_picture,
    export_picture_files,
    export_pictures,
    keep_made,
    purge_picture_files,
    purge_pictures,
    read_picture,
    store_made,
    upload_picture,
)
from apps.chat.services.quota import (
    entitlement_causes,
    grant_entitlement,
    grant_quota,
    models_for,
    quota_entries,
    quota_of,
    register_entitlement_cause,
    take_quota,
)
from apps.chat.services.reports import (
    decide_report,
    export_reports,
    report_answer,
    reveal_report,
    revealed_answer,
)
from apps.chat.services.settling import settle_abandoned, stop_answers_of_key, stop_generation
from apps.chat.services.starting import Started, start_for_program, start_generation
from apps.chat.services.steering import KeyTried, steer_channel, try_channel, wake_key
from apps.chat.services.word_lists import lexicon, listed_words, save_word_list

__all__ = [
    "KeyTried",
    "Started",
    "answers_running",
    "ask_question",
    "begin_afresh",
    "begin_probe",
    "blocked_networks",
    "change_conversation",
    "channel_alarms",
    "channels_left_alone",
    "charged_with_key",
    "check_models",
    "check_nothing_runs",
    "check_room_for_pictures",
    "claim_jobs",
    "count_answer",
    "create_conversation",
    "decide_report",
    "delete_conversation",
    "delete_own_key",
    "discard_picture",
    "ensure_rules",
    "entitlement_causes",
    "erase_own_keys",
    "erase_texts",
    "export_conversation",
    "export_conversations",
    "export_entitlements",
    "export_generations",
    "export_messages",
    "export_own_keys",
    "export_picture_files",
    "export_pictures",
    "export_quota_entries",
    "export_reports",
    "find_stop_requests",
    "finish_run",
    "fit_job",
    "follow_port",
    "forget_vectors",
    "grant_entitlement",
    "grant_quota",
    "has_begun",
    "keep_made",
    "keep_text",
    "keys_asleep",
    "label_of_archive",
    "lexicon",
    "listed_words",
    "local_day",
    "models_for",
    "own_key",
    "own_keys_of",
    "policy_on_show",
    "purge_picture_files",
    "purge_pictures",
    "quota_entries",
    "quota_of",
    "read_answer",
    "read_picture",
    "read_progress",
    "record_attempt",
    "refusals_by_rule",
    "regenerate_answer",
    "register_entitlement_cause",
    "registered_models",
    "remove_lost_own_keys",
    "report_answer",
    "reveal_report",
    "revealed_answer",
    "rule_standings",
    "save_channel",
    "save_channel_key",
    "save_model",
    "save_network",
    "save_own_key",
    "save_policy",
    "save_route",
    "save_route_cost",
    "save_rule",
    "save_word_list",
    "settle_abandoned",
    "start_embeddings",
    "start_for_program",
    "start_generation",
    "steer_channel",
    "stop_answers_of_key",
    "stop_generation",
    "store_made",
    "take_quota",
    "take_vectors",
    "test_own_key",
    "try_channel",
    "upload_picture",
    "used_with_key",
    "verify_label",
    "wake_key",
]
