"""The rules that a question passes, one by one, and how operators arrange them."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from apps.accounts.contracts import IdentifiedKey, MemberStatus, Standing
from apps.accounts.errors import MemberBlocked, MemberClosed, MemberFrozen, ModelNotAllowed
from apps.chat import errors, rules
from apps.chat.contracts import ModelKind, Policy, Role
from apps.chat.registries import RULES
from apps.chat.rules import RuleSetting, admission
from apps.chat.rules.chain import Lately
from apps.chat.words.gate import sift
from apps.chat.words.lexicon import EMPTY
from apps.kernel.errors import DomainError
from apps.kernel.ids import PersonId, UserId

NOW = datetime(2026, 11, 28, 4, tzinfo=UTC)
ASKER = Standing(
    user_id=UserId(UUID(int=1)),
    person_id=PersonId(UUID(int=2)),
    status=MemberStatus.ACTIVE,
    is_blocked=False,
    is_spared=False,
)
KEY = IdentifiedKey(key_id=UUID(int=3), user_id=ASKER.user_id, scopes=frozenset({"chat"}), allowed_models=("other",))
QUESTION = rules.Question(
    turns=(rules.text_turn(Role.USER, "hi"),),
    asker=ASKER,
    key=None,
    model="m",
    is_model_enabled=True,
    model_kind=ModelKind.TEXT,
    is_in_free_allowance=True,
    needs_entitlement=False,
    is_entitled=False,
    policy=Policy(free_per_day=7, max_message_chars=5, max_per_minute=3),
    sift=lambda text: sift(text, EMPTY),
    now=NOW,
)
BUILT = [
    *("size", "access-limit", "frequency", "key-frequency", "black-list", "sensitive-words", "system-prompts"),
    *("account-status", "model-permission", "quota"),
]


def saying(text: str) -> rules.Question:
    return replace(QUESTION, turns=(rules.text_turn(Role.USER, text),))


def codes(**settings: RuleSetting) -> list[str]:
    """The codes of the chain with these settings."""
    return [
        rule.code for rule in rules.in_force(RULES, {code.replace("_", "-"): said for code, said in settings.items()})
    ]


def test_a_good_question_passes_the_chain_and_is_told_how_many_answers_are_free() -> None:
    passed = rules.pass_through(QUESTION, rules.in_force(RULES, {}))

    assert passed == replace(QUESTION, free_per_day=7)


def test_a_model_outside_the_free_allowance_has_no_free_answers() -> None:
    passed = admission.AccessLimit().judge(replace(QUESTION, is_in_free_allowance=False))

    assert passed.free_per_day == 0


@pytest.mark.parametrize("text", ["", " \n", "\u200b\u3164", "\u2800\ufe0f"])
def test_a_question_in_which_there_is_nothing_to_see_is_empty(text: str) -> None:
    with pytest.raises(errors.MessageEmpty):
        admission.Size().judge(saying(text))


REFUSED: list[tuple[rules.Rule, dict[str, Any], type[DomainError]]] = [
    (admission.BlackList(), {"asker": replace(ASKER, is_blocked=True)}, MemberBlocked),
    (admission.AccountStatus(), {"asker": replace(ASKER, status=MemberStatus.FROZEN)}, MemberFrozen),
    (admission.AccountStatus(), {"asker": replace(ASKER, status=MemberStatus.CLOSED)}, MemberClosed),
    (admission.ModelPermission(), {"is_model_enabled": False}, errors.ModelNotFound),
    (admission.ModelPermission(), {"needs_entitlement": True}, errors.ModelNotEntitled),
    (admission.ModelPermission(), {"key": KEY}, ModelNotAllowed),
    (admission.BlackList(), {"address": "203.0.113.9", "blocked_networks": ("203.0.113.0/24",)}, errors.NetworkBlocked),
    (admission.Frequency(), {"lately": Lately(of_member=(NOW,) * 3)}, errors.AskedTooOften),
    (
        admission.SystemPrompts(),
        {"turns": (rules.text_turn(Role.SYSTEM, "obey"), rules.text_turn(Role.USER, "hi"))},
        errors.SystemPromptRefused,
    ),
    (admission.Size(), {"turns": (rules.text_turn(Role.USER, "longer"),)}, errors.MessageTooLong),
]


@pytest.mark.parametrize(("rule", "changes", "refusal"), REFUSED)
def test_each_rule_refuses_what_it_is_for_with_a_refusal_of_its_own(
    rule: rules.Rule, changes: dict[str, Any], refusal: type[DomainError]
) -> None:
    assert rule.judge(QUESTION) is not None

    with pytest.raises(refusal) as caught:
        rule.judge(replace(QUESTION, **changes))

    assert rules.refused_by(caught.value, RULES) == rule.code


@pytest.mark.parametrize(
    ("ago_seconds", "wait"),
    [((59, 30, 1), 1), ((59.9, 30, 1), 1), ((40, 30, 1), 20), ((40, 30, 20, 10), 30), ((3, 2, 1), 57)],
)
def test_who_asks_too_often_hears_when_there_is_room_again(ago_seconds: tuple[float, ...], wait: int) -> None:
    lately = tuple(NOW - timedelta(seconds=ago) for ago in ago_seconds)

    with pytest.raises(errors.AskedTooOften) as caught:
        admission.Frequency().judge(replace(QUESTION, lately=Lately(of_member=lately)))

    assert caught.value.context == {"limit": 3, "retry_after": wait}


@pytest.mark.parametrize(
    "changes",
    [
        {"lately": Lately(of_member=(NOW,) * 2)},
        {"lately": Lately(of_member=(NOW,) * 9), "asker": replace(ASKER, is_spared=True)},
        {"lately": Lately()},  # nobody counts: Redis is away, or the rule was off
    ],
)
def test_who_asks_as_often_as_allowed_is_spared_or_is_not_counted_passes(changes: dict[str, Any]) -> None:
    question = replace(QUESTION, **changes)

    assert admission.Frequency().judge(question) == question


@pytest.mark.parametrize(("limit", "free"), [(7, 1000), (5000, 5000), (0, 0)])
def test_a_white_list_lifts_the_number_of_free_answers_where_there_are_any(limit: int, free: int) -> None:
    spared = replace(QUESTION, asker=replace(ASKER, is_spared=True), policy=Policy(free_per_day=limit))

    assert admission.AccessLimit().judge(spared).free_per_day == free


@pytest.mark.parametrize(
    ("written", "network"),
    [
        ("203.0.113.77/24", "203.0.113.0/24"),
        (" 203.0.113.77 ", "203.0.113.77/32"),
        ("2001:DB8::1/48", "2001:db8::/48"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        # Visitors never come in this form, so nobody would be held back.
        ("::ffff:203.0.113.77", "203.0.113.77/32"),
        ("::ffff:203.0.113.77/120", "203.0.113.0/24"),
    ],
)
def test_a_network_is_written_in_one_way(written: str, network: str) -> None:
    assert rules.read_network(written) == network


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0.0.0.0/0",
        "10.0.0.0/7",
        "::/0",
        "2000::/18",
        "example.com",
        "1.2.3.4/33",
        "\0",
        "fe80::1%eth0",
        "::ffff:0:0/96",
    ],
)
def test_what_is_no_network_or_a_continent_is_not_held_back(text: str) -> None:
    with pytest.raises(errors.ConfigurationNotValid):
        rules.read_network(text)


@pytest.mark.parametrize(
    ("address", "is_inside"),
    [("203.0.113.9", True), ("2001:db8::5", True), ("203.0.114.9", False), ("::1", False), ("", False)],
)
def test_an_address_is_in_a_network_or_not(address: str, is_inside: bool) -> None:
    assert rules.is_within(address, ("203.0.113.0/24", "2001:db8::/32")) is is_inside


def test_a_refusal_belongs_to_one_rule() -> None:
    of = Counter(refusal for rule in RULES for refusal in rule.refusals)

    assert [refusal.code for refusal, number in of.items() if number > 1] == []
    assert rules.refused_by(errors.ConversationBusy(), RULES) == ""


def test_operators_move_and_switch_off_what_may_be_moved_and_switched_off() -> None:
    assert codes() == BUILT
    assert codes(black_list=RuleSetting(place=1)) == ["black-list", *(code for code in BUILT if code != "black-list")]
    assert codes(access_limit=RuleSetting(is_on=False)) == ["size", *BUILT[2:]]
    assert codes(access_limit=RuleSetting(place=30)) == BUILT, "of two in one place the first as built comes first"


@pytest.mark.parametrize("fixed", ["account-status", "model-permission", "quota"])
def test_status_permission_and_quota_stay_where_they_are_and_on(fixed: str) -> None:
    assert (RULES[fixed].may_move, RULES[fixed].may_switch) == (False, False)
    assert [rule.code for rule in rules.in_force(RULES, {fixed: RuleSetting(is_on=False, place=0)})] == BUILT
