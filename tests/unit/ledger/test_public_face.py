"""The door is what it says it is, and no model of ours counts in floats."""

import inspect

from django.apps import apps
from django.db.models import FloatField

from apps.kernel.errors import DomainError
from apps.ledger import contracts, errors, services


def test_the_services_list_every_verb_contract_and_error() -> None:
    def own(module: object) -> set[str]:
        return {
            name
            for name, value in vars(module).items()
            if not name.startswith("_")
            and (inspect.isclass(value) or inspect.isfunction(value))
            and value.__module__ == module.__name__  # type: ignore[attr-defined]  # modules have names
        }

    assert set(services.__all__) == own(services) | own(contracts) | own(errors)
    assert list(services.__all__) == sorted(services.__all__)


def test_every_refusal_has_a_code_and_a_text_of_its_own() -> None:
    refusals = [value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, DomainError)]
    refusals.remove(DomainError)

    assert len({refusal.code for refusal in refusals}) == len({refusal.title for refusal in refusals}) == len(refusals)


def test_no_model_of_ours_has_a_float_column() -> None:
    """I-12: amounts are integers in the smallest unit, everywhere."""
    ours = [model for model in apps.get_models() if model.__module__.startswith("apps.")]
    floats = [str(field) for model in ours for field in model._meta.fields if isinstance(field, FloatField)]

    assert ours
    assert floats == []
