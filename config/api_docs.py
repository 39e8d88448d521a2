"""The page that describes the JSON API, made from the same schema that clients are generated from."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

from apps.kernel import problem

# Deeper than any answer of ours; a schema that holds itself ends here.
_DEEPEST = 4


@dataclass(frozen=True)
class Field:
    """One member of a body, or one parameter; `depth` says how far inside."""

    name: str
    type: str
    note: str
    is_required: bool
    depth: int = 0


@dataclass(frozen=True)
class Answer:
    """What comes back under one status: a list of `fields`, or something of that type."""

    status: str
    media_type: str
    type: str
    fields: list[Field]


@dataclass(frozen=True)
class Operation:
    """One method of one address."""

    anchor: str
    method: str
    path: str
    summary: str
    rest: str
    is_public: bool
    parameters: list[Field]
    body: list[Field]
    answers: list[Answer]
    refusals: list[tuple[str, str, str]]  # status, code, title


class KeptGenerator(SchemaGenerator):
    """Makes the schema once per language and process: it changes with the code alone, and takes a second."""

    def get_schema(self, request: Any = None, public: bool = False) -> Any:  # DRF's signature
        """The whole schema."""
        return _schema(get_language() or "")


@require_safe
def api_docs(request: HttpRequest) -> HttpResponse:
    """Every operation by what it is about."""
    return render(request, "pages/api_docs.html", {"groups": _groups(get_language() or "")})


@cache
def _schema(language: str) -> Any:
    generator: Any = SchemaGenerator
    return generator().get_schema(public=True)


@cache
def _groups(language: str) -> dict[str, list[Operation]]:
    schema = _schema(language)
    shapes = schema["components"]["schemas"]
    groups: dict[str, list[Operation]] = {}
    for path, methods in schema["paths"].items():
        group = path.removeprefix("/api/v1/").split("/")[0]
        for method, told in methods.items():
            groups.setdefault(group, []).append(_operation(path, method, told, shapes))
    return groups


def _operation(path: str, method: str, told: dict[str, Any], shapes: dict[str, Any]) -> Operation:
    summary, _, rest = str(told.get("description", "")).partition("\n\n")
    body: dict[str, Any] = next(iter(told.get("requestBody", {}).get("content", {}).values()), {})
    return Operation(
        anchor=told["operationId"],
        method=method.upper(),
        path=path,
        summary=" ".join(summary.split()),
        rest=rest,
        is_public={} in told.get("security", [{}]),
        parameters=[
            Field(each["name"], _type(each["schema"], shapes), each.get("description", ""), each.get("required", False))
            for each in told.get("parameters", [])
        ],
        body=list(_fields(body.get("schema", {}), shapes)),
        answers=[
            Answer(status, media, _type(content.get("schema", {}), shapes), list(_fields(content["schema"], shapes)))
            for status, response in told["responses"].items()
            if status < "400"
            for media, content in (response.get("content") or {"": {"schema": {}}}).items()
        ],
        refusals=sorted(
            (status, code, problem.title_of(code))
            for status, response in told["responses"].items()
            if status >= "400"
            for content in response["content"].values()
            for code in content["schema"]["allOf"][1]["properties"]["code"]["enum"]
        ),
    )


def _fields(schema: dict[str, Any], shapes: dict[str, Any], depth: int = 0) -> Iterator[Field]:
    """The members of an object, or of the objects in a list, those inside them after each."""
    shape = _shape(schema, shapes)
    if "items" in shape:
        yield from _fields(shape["items"], shapes, depth)
    for name, inner in shape.get("properties", {}).items() if depth < _DEEPEST else ():
        is_required = name in shape.get("required", [])
        yield Field(name, _type(inner, shapes), _note(inner), is_required, depth)
        yield from _fields(inner, shapes, depth + 1)


def _type(schema: dict[str, Any], shapes: dict[str, Any]) -> str:
    shape = _shape(schema, shapes)
    if "items" in shape:
        told = f"[{_type(shape['items'], shapes)}]"
    elif "enum" in shape:
        told = " | ".join(map(str, shape["enum"]))
    else:
        told = shape.get("format") or shape.get("type", "")
    return f"{told} | null" if schema.get("nullable") else told


def _note(schema: dict[str, Any]) -> str:
    limits = {"maxLength": "≤ {} characters", "minimum": "≥ {}", "maximum": "≤ {}", "default": "default {}"}
    told = [words.format(schema[name]) for name, words in limits.items() if schema.get(name, "") != ""]
    return "; ".join([schema["description"], *told] if "enum" not in schema and "description" in schema else told)


def _shape(schema: dict[str, Any], shapes: dict[str, Any]) -> dict[str, Any]:
    """What a reference, alone or wrapped, leads to."""
    wrapped = schema.get("allOf", [schema])
    reference = str(wrapped[0].get("$ref", ""))
    found: dict[str, Any] = shapes[reference.rpartition("/")[2]] if reference else wrapped[0]
    return found
