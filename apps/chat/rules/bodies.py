"""What the bodies of OpenAI's API have in common, whatever they ask for."""

from collections.abc import Mapping
from typing import Any

from apps.chat import errors

_MAX_MODEL_CHARS = 64


def said_in(body: Any) -> dict[str, Any]:
    """What a body says; what is null is as if it were not there. Raises ParameterNotValid."""
    if not isinstance(body, dict):
        raise errors.ParameterNotValid
    return {name: value for name, value in body.items() if value is not None}


def model_of(said: Mapping[str, Any]) -> str:
    """Which model is asked. Raises ParameterMissing, ParameterNotValid, ModelNotFound."""
    if "model" not in said:
        raise errors.ParameterMissing(param="model")
    model = said["model"]
    if not isinstance(model, str):
        raise errors.ParameterNotValid(param="model")
    if not 1 <= len(model) <= _MAX_MODEL_CHARS or not model.isprintable():
        raise errors.ModelNotFound(model=shown(model))
    return model


def shown(name: str) -> str:
    """A name that somebody made up, as far as it may be said again."""
    return name[:64] if name.isascii() and name.isprintable() else "?"
