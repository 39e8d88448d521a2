"""What a demo model writes where its answer shall be JSON: an object, or something that fits a schema."""

import json
from typing import Any

_LONGEST_TEXT = 36
_MAX_DEPTH = 8


def read(value: Any) -> Any:
    """The format that is asked for; None for plain text. Raises ValueError for what is none."""
    if value is None or value == {"type": "text"}:
        return None
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "json_object":
        return {}
    named = value.get("json_schema") if kind == "json_schema" else None
    if not isinstance(named, dict) or not isinstance(named.get("name"), str):
        raise ValueError("response_format needs a type, and a schema a name")
    schema = named.get("schema", {})
    if not isinstance(schema, dict) or schema.get("type", "object") != "object":
        raise ValueError(f"Invalid schema for response_format '{named['name']}': schema must be of 'type: \"object\"'.")
    return schema


def written(schema: dict[str, Any], answer: str, *, question: str) -> str:
    """The answer in this format; where the schema asks for nothing, in one member."""
    fitting = example(schema, question) if schema.get("properties") else {"answer": answer}
    return json.dumps(fitting, ensure_ascii=False)


def example(schema: Any, question: str, depth: int = _MAX_DEPTH) -> Any:
    """Something that fits, as far as a demo model knows."""
    if not isinstance(schema, dict) or not depth:
        return question[:_LONGEST_TEXT]
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    kind, properties = schema.get("type"), schema.get("properties")
    if kind == "object" and isinstance(properties, dict):
        return {name: example(inner, question, depth - 1) for name, inner in properties.items()}
    if kind == "array" and isinstance(schema.get("items"), dict):
        return [example(schema["items"], question, depth - 1)]
    fitting = {"integer": 1, "number": 0.5, "boolean": True, "array": [], "object": {}, "null": None}
    return fitting.get(kind, question[:_LONGEST_TEXT]) if isinstance(kind, str) else question[:_LONGEST_TEXT]
