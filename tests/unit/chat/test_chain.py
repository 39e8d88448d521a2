"""The rules that a question passes, one by one, and how operators arrange them."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from apps.accounts.contracts import IdentifiedKey, MemberStatus, Standing
from apps.accounts.errors import MemberBlocked, MemberClosed, MemberFrozen, ModelNotAllowed
from apps.chat import errors, rules
from apps.chat.contracts import Policy, Role, RuleSetting
from apps.chat.registries import RULES
from apps.chat.rules import admission
from apps.kernel.errors import DomainError
from apps.kernel.ids import PersonId, UserId

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
    is_in_free_allowance=True,
    needs_entitlement=False,
    is_entitled=False,
    policy=Policy(free_per_day=7, max_message_chars=5),
    now=datetime(2026, 11, 28, 4, tzinfo=UTC),
)
BUILT = ["size", "access-limit", "black-list", "account-status", "model-permission", "quota"]


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


def test_a_refusal_belongs_to_one_rule() -> None:
    of = Counter(refusal for rule in RULES for refusal in rule.refusals)

    assert [refusal.code for refusal, number in of.items() if number > 1] == []
    assert rules.refused_by(errors.ConversationBusy(), RULES) == ""


def test_operators_move_and_switch_off_what_may_be_moved_and_switched_off() -> None:
    assert codes() == BUILT
    assert codes(black_list=RuleSetting(place=1)) == ["black-list", "size", "access-limit", *BUILT[3:]]
    assert codes(access_limit=RuleSetting(is_on=False)) == ["size", *BUILT[2:]]
    assert codes(access_limit=RuleSetting(place=30)) == BUILT, "of two in one place the first as built comes first"


@pytest.mark.parametrize("fixed", ["account-status", "model-permission", "quota"])
def test_status_permission_and_quota_stay_where_they_are_and_on(fixed: str) -> None:
    assert (RULES[fixed].may_move, RULES[fixed].may_switch) == (False, False)
    assert [rule.code for rule in rules.in_force(RULES, {fixed: RuleSetting(is_on=False, place=0)})] == BUILT
