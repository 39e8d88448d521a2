"""The page of the JSON API: everything of the schema, in both languages, without a script of its own."""

import re
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from config.api_docs import _fields

LIGHT = 300_000  # bytes before compression


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("zh-hans", ("请求体", "无需登录。", "现在有点忙，请稍后再试。")),
        ("en", ("Body", "Needs no sign-in.", "We are busy right now.")),
    ],
)
def test_every_operation_is_on_the_page(language: str, texts: tuple[str, ...]) -> None:
    answer = Client().get("/api/docs/", headers={"Accept-Language": language})
    page = answer.content.decode()
    generator: Any = SchemaGenerator
    paths = generator().get_schema(public=True)["paths"]

    assert answer.status_code == 200
    for path, methods in paths.items():
        assert f">{path}</code>" in page
        for operation in methods.values():
            assert f'id="{operation["operationId"]}"' in page
    assert [text for text in texts if text not in page] == []


def test_the_page_is_light_and_needs_no_script() -> None:
    page = Client().get("/api/docs/").content.decode()

    scripts = {f"/static/js/core/{name}.js" for name in ("theme", "early", "shell")}
    assert set(re.findall(r'src="([^"]+)"', page)) == scripts
    assert len(page.encode()) < LIGHT


def test_members_inside_members_are_told_and_a_shape_that_holds_itself_ends() -> None:
    inner = {"$ref": "#/components/schemas/Node"}
    shapes: dict[str, Any] = {
        "Node": {
            "type": "object",
            "properties": {"name": {"type": "string", "nullable": True}, "children": {"type": "array", "items": inner}},
            "required": ["name"],
        }
    }

    told = list(_fields({"allOf": [inner]}, shapes))

    assert [(each.name, each.type, each.is_required, each.depth) for each in told[:3]] == [
        ("name", "string | null", True, 0),
        ("children", "[object]", False, 0),
        ("name", "string | null", True, 1),
    ]
    assert max(each.depth for each in told) == 3
