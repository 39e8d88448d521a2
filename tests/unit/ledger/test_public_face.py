"""The door is what it says it is, and no model of ours counts in floats."""

import inspect
from collections.abc import Callable
from uuid import UUID

import pytest
from django.apps import apps
from django.db.models import FloatField

from apps.kernel.errors import DomainError
from apps.ledger import causes, contracts, errors, services
from apps.ledger.services import expiring, holding, moving, reading, taking_back
from tests.integration.ledger.bank import ALICE, DEADLINE, NOON, cause


def test_the_services_list_every_verb_contract_and_error() -> None:
    def own(module: object) -> set[str]:
        return {
            name
            for name, value in vars(module).items()
            if not name.startswith("_")
            and (inspect.isclass(value) or inspect.isfunction(value))
            and value.__module__ == module.__name__  # type: ignore[attr-defined]  # modules have names
        }

    rooms = [expiring, holding, moving, reading, taking_back]
    verbs = set().union(*map(own, rooms)) - {"expire_ended"}  # which the verbs share
    assert set(services.__all__) == verbs | own(causes) | own(contracts) | own(errors)
    assert list(services.__all__) == sorted(services.__all__)


def test_every_refusal_has_a_code_and_a_text_of_its_own() -> None:
    refusals = [value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, DomainError)]
    refusals.remove(DomainError)

    assert len({refusal.code for refusal in refusals}) == len({refusal.title for refusal in refusals}) == len(refusals)


@pytest.mark.parametrize(
    "move",
    [
        lambda: services.grant(
            account=ALICE, amount=1, purse=services.Purse.GIFT, kind="test", cause=cause(), now=NOON
        ),
        lambda: services.spend(account=ALICE, amount=1, sink="revenue", kind="test", cause=cause(), now=NOON),
        lambda: services.hold(account=ALICE, amount=1, kind="test", cause=cause(), deadline_at=DEADLINE, now=NOON),
        lambda: services.post(hold_id=UUID(int=1), amount=1, sink="revenue", now=NOON),
        lambda: services.void(hold_id=UUID(int=1), now=NOON),
        lambda: services.take_back(granted=cause(), kind="refund", cause=cause(), now=NOON),
    ],
    ids=["grant", "spend", "hold", "post", "void", "take_back"],
)
def test_nothing_moves_outside_the_transaction_that_makes_it_true(move: Callable[[], object]) -> None:
    with pytest.raises(RuntimeError, match="must run inside the transaction"):
        move()


def test_no_model_of_ours_has_a_float_column() -> None:
    """I-12: amounts are integers in the smallest unit, everywhere."""
    ours = [model for model in apps.get_models() if model.__module__.startswith("apps.")]
    floats = [str(field) for model in ours for field in model._meta.fields if isinstance(field, FloatField)]

    assert ours
    assert floats == []
