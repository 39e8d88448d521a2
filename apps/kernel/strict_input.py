"""JSON from outside is of the types that the schema names, and the schema says that it takes nothing else."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from rest_framework import serializers

# In a serializer's context: what it reads is a query, which is all text.
IS_TEXT = "is_text"


def wrong_types(fields: Mapping[str, Any], data: Mapping[str, Any]) -> list[str]:
    """Names of what is of another type than its field: DRF would take 0 for false, and "7" for a number."""
    return sorted(name for name, value in data.items() if not _is_of_type(fields[name], value))


def _is_of_type(field: Any, value: Any) -> bool:
    if value is None:
        return True  # the field knows whether it may be
    if isinstance(field, serializers.ListField):
        return isinstance(value, list) and all(_is_of_type(field.child, each) for each in value)
    if isinstance(field, serializers.IntegerField):
        return isinstance(value, int) and not isinstance(value, bool)
    if isinstance(field, serializers.BooleanField):
        return isinstance(value, bool)
    return not isinstance(field, serializers.CharField | serializers.UUIDField) or isinstance(value, str)


class NothingElse(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]  # it registers itself by being there
    """Says in the schema that names which a body does not have are refused."""

    target_class = "apps.kernel.api.StrictSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        """The schema of a body."""
        schema: dict[str, Any] = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return {**schema, "additionalProperties": False}
