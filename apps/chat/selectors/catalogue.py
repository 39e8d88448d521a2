"""Reads of the configuration: models as one user may use them, the limits for everybody."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, prefetch_related_objects
from django.db.models.functions import Coalesce

from apps.chat import rules
from apps.chat.contracts import ModelKind, Policy, PricedModel, Tokenizer
from apps.chat.models import ChatModel, ChatPolicy, ChatRule, Entitlement, FreeUse
from apps.chat.rules.admission import AccessLimit
from apps.chat.selectors.own_keys import own_key_of
from apps.chat.selectors.routes import can_search, is_answering, is_served
from apps.kernel.db import CompiledRead, Given
from apps.kernel.ids import PersonId, UserId

_DEFAULTS = Policy()


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """A model, what this user may do with it, and the limits that hold today."""

    model: ChatModel
    is_served: bool
    is_entitled: bool
    # When the right ends that the model needs; None for never.
    entitled_until: datetime | None
    policy: Policy
    # With which of the member's own keys it is asked; None for none of them.
    own_key_id: UUID | None
    # Known of offers alone: whether anybody would be asked now.
    is_answering: bool = True
    # And whether any of its channels can be asked to search.
    can_search: bool = True

    @property
    def is_enabled(self) -> bool:
        """Whether the model is switched on, and a route of it with its channel."""
        return self.model.is_enabled and self.is_served


def policy() -> Policy:
    """The limits for everybody: the operators' row, or the defaults."""
    row = ChatPolicy.objects.first()
    if row is None:
        return _DEFAULTS
    return Policy(**{field.name: getattr(row, field.name) for field in fields(Policy)})


def policy_on_show() -> Policy:
    """The limits as pages may tell them: no message is free where no model takes free messages from everybody, or
    the rule of free answers is off.
    """
    is_off = Exists(ChatRule.objects.filter(code=AccessLimit.code, is_on=False))
    takers = ChatModel.objects.filter(
        ~is_off,
        is_served(),
        is_enabled=True,
        is_visible=True,
        kind=ModelKind.TEXT,
        is_in_free_allowance=True,
        needs_entitlement=False,
    )
    taker = takers.annotate(**_limits()).first()
    return replace(policy(), free_per_day=0) if taker is None else _policy_beside(taker)


def model_facts(*, user_id: UserId, code: str, now: datetime) -> ModelFacts | None:
    """Everything that asking a model needs to know, in one query; None when there is no such model."""
    row = _ASKED.one(user_id=user_id, code=code, now=now)
    return None if row is None else _facts_of(row)


def tokenizer_of(code: str) -> Tokenizer | None:
    """By which tables the tokens of the model of this code are counted; None where nobody knows, or there is none."""
    said = ChatModel.objects.filter(code=code).values_list("tokenizer", flat=True).first()
    return None if said is None else rules.tokenizer_of(said, code=code)


def offers(*, user_id: UserId, now: datetime, code: str | None = None) -> list[ModelFacts]:
    """The visible models that are switched on, in the operators' order; or the one of this code, visible or not."""
    asked = Q(is_visible=True) if code is None else Q(code=code)
    enabled = _models_for(user_id, now).filter(asked, is_served(), is_enabled=True)
    rows = enabled.annotate(is_answering=is_answering(now), can_search=can_search()).order_by("sort", "code")
    return [
        replace(_facts_of(row), is_answering=row.is_answering, can_search=row.can_search) for row in _with_rates(rows)
    ]


def priced_models() -> list[PricedModel]:
    """The visible models that are switched on, with their prices, in the operators' order; whoever looks."""
    rows = ChatModel.objects.filter(is_served(), is_enabled=True, is_visible=True).select_related("price")
    return [
        PricedModel(id=row.code, name=row.name, price=row.price.terms, extras=row.price.extras)
        for row in _with_rates(rows.order_by("sort", "code"))
    ]


def is_blind(code: str) -> bool:
    """Whether there is a model of this code that does not see."""
    return ChatModel.objects.filter(code=code, has_vision=False).exists()


def models_that_see() -> list[str]:
    """The names of the visible models that see and are switched on, in the operators' order."""
    rows = ChatModel.objects.filter(is_served(), is_enabled=True, is_visible=True, has_vision=True)
    return list(rows.order_by("sort", "code").values_list("name", flat=True))


def models_on_offer() -> list[tuple[str, str]]:
    """Code and name of each visible model that answers in chats, in the operators' order; whoever looks."""
    rows = ChatModel.objects.filter(
        is_enabled=True, is_visible=True, kind__in=(ModelKind.TEXT, ModelKind.IMAGE)
    ).order_by("sort", "code")
    return list(rows.values_list("code", "name"))


def free_use_left(*, person_id: PersonId, day: date, free_per_day: int) -> int:
    """How many free uses the person has left on a local day."""
    used = FreeUse.objects.filter(person_id=person_id, day=day).values_list("used", flat=True).first()
    return max(0, free_per_day - (used or 0))


def _models_for(user_id: UserId | Given, now: datetime | Given) -> QuerySet[ChatModel]:
    live = Entitlement.objects.live(now).filter(user_id=user_id, model=OuterRef("pk"))
    until = Subquery(live.order_by("-number").values("ends_at")[:1])
    models = ChatModel.objects.select_related("price")
    return models.annotate(
        is_served=is_served(),
        is_entitled=Exists(live),
        entitled_until=until,
        own_key_id=own_key_of(user_id),
        **_limits(),
    )


def _with_rates(models: Iterable[Any]) -> list[Any]:
    """These models with the rates of their prices, in one query more where any is of images."""
    rows = list(models)
    prefetch_related_objects([row for row in rows if row.kind == ModelKind.IMAGE], "price__rates")
    return rows


def _facts_of(row: Any) -> ModelFacts:
    return ModelFacts(
        model=row,
        is_served=row.is_served,
        is_entitled=not row.needs_entitlement or row.is_entitled,
        entitled_until=row.entitled_until if row.needs_entitlement else None,
        policy=_policy_beside(row),
        own_key_id=row.own_key_id,
    )


def _limits() -> dict[str, Any]:
    """The policy as annotations of a model."""
    return {
        f"policy_{field.name}": Coalesce(
            Subquery(ChatPolicy.objects.values(field.name)[:1]), getattr(_DEFAULTS, field.name)
        )
        for field in fields(Policy)
    }


def _policy_beside(row: Any) -> Policy:
    return Policy(**{field.name: getattr(row, f"policy_{field.name}") for field in fields(Policy)})


# The subqueries of rights and limits cost the ORM more than all the rest of asking.
_ASKED = CompiledRead(lambda: _models_for(Given("user_id"), Given("now")).filter(code=Given("code")))
