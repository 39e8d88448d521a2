"""What every table promises."""

import pytest
from django.apps import apps
from django.db import models

from apps.kernel.registries import CodeField

OURS = [model for model in apps.get_models() if model.__module__.startswith("apps.")]


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_columns_with_choices_are_constrained_by_name(model: type[models.Model]) -> None:
    constraints = {constraint.name for constraint in model._meta.constraints}
    for field in model._meta.local_fields:
        if field.choices:
            guard = "is_code" if isinstance(field, CodeField) else "known"
            assert f"{model._meta.db_table}_{field.name}_{guard}" in constraints, f"{field} accepts anything"


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_no_column_is_a_float_or_a_decimal(model: type[models.Model]) -> None:
    inexact = [f.name for f in model._meta.local_fields if isinstance(f, models.FloatField | models.DecimalField)]

    assert inexact == []


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_constraints_and_indexes_are_named_after_their_table(model: type[models.Model]) -> None:
    app = f"{model._meta.app_label}_"
    for named in [*model._meta.constraints, *model._meta.indexes]:
        assert named.name.startswith(app), f"{named.name} does not begin with {app}"


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_rows_have_no_default_order(model: type[models.Model]) -> None:
    assert not model._meta.ordering
