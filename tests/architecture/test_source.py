"""Rules that a reader would have to remember, checked on the syntax tree and on the templates."""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from tests.architecture.walls import layer_of

ROOT = Path(__file__).resolve().parents[2]
LONGEST_FILE = 400  # lines
LONGEST_LINE = 160  # of a template
# What a page says stands in one piece, for whoever looks it up in the catalogue.
SENTENCE = re.compile(r'(?<=translate )"[^"]*"|(?<=_\()"[^"]*"|{% blocktranslate.*?endblocktranslate %}')
PYTHON = [
    path
    for folder in ("apps", "config", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "migrations" not in path.parts
]
PRODUCT = [path for path in PYTHON if path.relative_to(ROOT).parts[0] != "tests"]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
BROWSER = sorted(path for pattern in ("*.js", "*.css") for path in (ROOT / "static").rglob(pattern))
# Interfaces parse, call one service, and answer.
INTERFACES = {"api", "views", "tasks", "handlers", "forms", "management", "sessions"}
MAY_SEND_TASKS = {"apps/kernel/wakes.py", "apps/kernel/tasks.py"}
MAY_READ_THE_ENVIRONMENT = {f"config/{name}.py" for name in ("env", "supervisor", "celery", "asgi", "wsgi")}


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _calls(path: Path, *methods: str) -> Iterator[tuple[str, ast.Call, set[str | None]]]:
    """(where, call, names of its keywords) of every call of these methods."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in methods:
            yield f"{_name(path)}:{node.lineno}", node, {keyword.arg for keyword in node.keywords}


def _matches(paths: Iterable[Path], pattern: str) -> list[str]:
    return [f"{_name(path)}: {found}" for path in paths for found in re.findall(pattern, path.read_text())]


def test_a_file_is_short_enough_to_read() -> None:
    lengths = {_name(path): len(path.read_text().splitlines()) for path in [*PYTHON, *TEMPLATES, *BROWSER]}

    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_a_line_of_a_template_is_short_enough_to_read() -> None:
    long = [
        f"{_name(path)}:{number}"
        for path in TEMPLATES
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(SENTENCE.sub("", line)) > LONGEST_LINE
    ]

    assert long == []


def test_a_module_says_what_belongs_in_it() -> None:
    silent = [_name(path) for path in PRODUCT if path.read_text().strip() and not ast.get_docstring(_tree(path))]

    assert silent == []


def test_a_row_is_saved_by_naming_its_fields() -> None:
    """A bare save() of an existing row overwrites what somebody else changed meanwhile; create() makes new ones."""
    bare = [
        where
        for path in PRODUCT
        if "models" not in path.with_suffix("").parts  # managers make new rows; `commit` is a form's
        for where, call, keywords in _calls(path, "save")
        if not call.args and not keywords & {"update_fields", "force_insert", "commit"}
    ]

    assert bare == []


def test_only_the_outbox_and_the_schedule_send_tasks() -> None:
    sending = [
        where
        for path in PRODUCT
        if _name(path) not in MAY_SEND_TASKS
        for where, _, _ in _calls(path, "delay", "apply_async", "send_task")
    ]

    assert sending == []


def test_interfaces_reach_rows_through_services() -> None:
    interfaces = [path for path in PRODUCT if layer_of(_name(path)) in INTERFACES]

    assert _matches(interfaces, r"\w+\.objects\b") == []


def test_a_lock_names_what_it_locks() -> None:
    """Without `of`, a joined query locks rows of every table in it."""
    vague = [
        where for path in PRODUCT for where, _, keywords in _calls(path, "select_for_update") if "of" not in keywords
    ]

    assert vague == []


def test_rows_are_counted_only_to_be_shown() -> None:
    assert _matches(PRODUCT, r"\.count\(\) *(?:>|>=|==|!=) *[01]\b") == []  # exists() asks less


def test_only_config_reads_the_environment() -> None:
    others = [path for path in PRODUCT if _name(path) not in MAY_READ_THE_ENVIRONMENT]

    assert _matches(others, r"\bos\.(?:environ|getenv)\b") == []


def test_one_place_knows_the_visitor_s_address() -> None:
    others = [path for path in PRODUCT if _name(path) != "apps/kernel/visitors.py"]

    assert _matches(others, r"REMOTE_(?:ADDR|HOST)|(?i:x.forwarded.for|x.real.ip)|HTTP_FORWARDED|scope\[.client") == []


def test_pages_have_no_inline_script_or_style() -> None:
    """The content security policy would refuse them."""
    inline = [
        f"{_name(path)}: {found}"
        for path in TEMPLATES
        for found in re.findall(
            r"<style\b|\s(?:on[a-z]+|style)\s*=\s*[\"']|<script\b(?![^>]*(?:src=|application/json))[^>]*>",
            re.sub(r"{#.*?#}|{% comment %}.*?{% endcomment %}", "", path.read_text(), flags=re.DOTALL),
        )
    ]

    assert inline == []


def test_pages_load_nothing_from_elsewhere() -> None:
    loads = r"""(?:\b(?:src|href|import|from|url)\s*[=(]?\s*["'(])(?:https?:)?//[^"')]+"""

    assert _matches([*TEMPLATES, *BROWSER], loads) == []
