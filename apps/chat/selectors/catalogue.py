"""Reads of the configuration: models as one user may use them, the limits for everybody."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from apps.chat.contracts import Policy
from apps.chat.models import ChatModel, ChatPolicy, Entitlement, FreeUse
from apps.kernel.ids import UserId

_DEFAULTS = Policy()


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """A model, what this user may do with it, and the limits that hold today."""

    model: ChatModel
    is_entitled: bool
    policy: Policy

    @property
    def is_enabled(self) -> bool:
        """Whether the model and its channel are both switched on."""
        return self.model.is_enabled and self.model.channel.is_enabled


def policy() -> Policy:
    """The limits for everybody: the operators' row, or the defaults."""
    row = ChatPolicy.objects.first()
    if row is None:
        return _DEFAULTS
    return Policy(**{field.name: getattr(row, field.name) for field in fields(Policy)})


def model_facts(*, user_id: UserId, code: str) -> ModelFacts | None:
    """Everything that asking a model needs to know, in one query; None when there is no such model."""
    return next(_facts(_models_for(user_id).filter(code=code)), None)


def offers(*, user_id: UserId) -> list[ModelFacts]:
    """The models that are switched on, in the operators' order."""
    enabled = _models_for(user_id).filter(is_enabled=True, channel__is_enabled=True)
    return list(_facts(enabled.order_by("sort", "code")))


def free_use_left(*, user_id: UserId, day: date, free_per_day: int) -> int:
    """How many free uses the user has left on a local day."""
    used = FreeUse.objects.filter(user_id=user_id, day=day).values_list("used", flat=True).first()
    return max(0, free_per_day - (used or 0))


def _models_for(user_id: UserId) -> QuerySet[ChatModel]:
    limits: dict[str, Any] = {
        f"policy_{field.name}": Coalesce(
            Subquery(ChatPolicy.objects.values(field.name)[:1]), getattr(_DEFAULTS, field.name)
        )
        for field in fields(Policy)
    }
    entitled = Exists(Entitlement.objects.filter(user_id=user_id, model=OuterRef("pk")))
    return ChatModel.objects.select_related("channel").annotate(is_entitled=entitled, **limits)


def _facts(rows: QuerySet[Any]) -> Iterator[ModelFacts]:
    for row in rows:
        limits = {field.name: getattr(row, f"policy_{field.name}") for field in fields(Policy)}
        is_entitled = not row.needs_entitlement or row.is_entitled
        yield ModelFacts(model=row, is_entitled=is_entitled, policy=Policy(**limits))
