"""Walls that imports cannot see, each a question to one file's syntax tree; `doors` are the ways through, and why."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import PurePosixPath

Found = Iterator[tuple[int, str]]

_LAYER_OF_CONFIG = {"demo", "demo_keys", "views", "admin_site", "management"}
_INTERFACES = {"api", "views", "admin", "tasks", "handlers", "forms", "management", "sessions", "middleware"}
# What moves balances, and what it stands on.
_CORE = {"services", "selectors", "models", "rules", "contracts", "errors", "events"}
_PURE = {"rules", "contracts", "errors"}
_AUDIT = {"invariants", "movements", "trails", "behaviours"}


@dataclass(frozen=True)
class Wall:
    """What may not be where. `doors` are (file, what) pairs that may, with the reason."""

    name: str
    guards: Callable[[str], bool]
    look: Callable[[ast.Module, str], Found]
    doors: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def breaches(self, path: str, source: str) -> Iterator[tuple[int, str]]:
        """(line, what) of everything in this file that may not be there, doors aside."""
        if self.guards(path):
            for line, what in self.look(_tree(source), path):
                if (path, what) not in self.doors:
                    yield line, what


@cache
def _tree(source: str) -> ast.Module:
    return ast.parse(source)


def layer_of(path: str) -> str:
    """What a file is inside its app or room: "services" of apps/chat/services/quota.py and of
    apps/marketing/draws/services/drawing.py; "" of a file beside the apps.
    """
    parts = PurePosixPath(path).with_suffix("").parts
    if parts[0] == "config":
        return parts[1] if parts[1] in _LAYER_OF_CONFIG else ""
    layer, _ = _place(parts)
    return layer


def _place(parts: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The layer that a file is in, and what it is called in there; a room has the layers of an app."""
    inside = parts[2:]
    if len(inside) > 1 and inside[0] not in _LAYERS | _NO_ROOMS:
        inside = inside[1:]
    return (inside[0], inside[1:]) if inside else ("", ())


def _in(layers: Iterable[str]) -> Callable[[str], bool]:
    chosen = frozenset(layers)
    return lambda path: layer_of(path) in chosen


def _is_no_migration(path: str) -> bool:
    return "migrations" not in PurePosixPath(path).parts


def _imports(tree: ast.Module) -> Found:
    """Every imported name in full: "django.http.HttpRequest"; imports inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def _importing(*modules: str) -> Callable[[ast.Module, str], Found]:
    def look(tree: ast.Module, path: str) -> Found:
        for line, name in _imports(tree):
            for module in modules:
                if name == module or name.startswith(f"{module}."):
                    yield line, module

    return look


def _name_of(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _naming(pattern: str) -> Callable[[ast.Module, str], Found]:
    """Uses of a name, bare or behind a dot, and its import under whatever other name."""

    def look(tree: ast.Module, path: str) -> Found:
        for line, imported in _imports(tree):
            if re.fullmatch(pattern, name := imported.rpartition(".")[2]):
                yield line, name
        for node in ast.walk(tree):
            if isinstance(node, ast.expr) and re.fullmatch(pattern, _name_of(node)):
                yield node.lineno, _name_of(node)

    return look


def _calling(pattern: str) -> Callable[[ast.Module, str], Found]:
    def look(tree: ast.Module, path: str) -> Found:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and re.fullmatch(pattern, _name_of(node.func)):
                yield node.lineno, _name_of(node.func)

    return look


def _either(*looks: Callable[[ast.Module, str], Found]) -> Callable[[ast.Module, str], Found]:
    def look(tree: ast.Module, path: str) -> Found:
        for each in looks:
            yield from each(tree, path)

    return look


_CHANGING = {"settings", "objects", "selectors", "services", "cursor", "environ", "get_language", "gettext"}


def _remembered(tree: ast.Module, path: str) -> Found:
    """What changes while a process lives, read by a function that the process asks once."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and any(map(_remembers, function.decorator_list)):
            for node in ast.walk(function):
                if (name := _name_of(node)) in _CHANGING:
                    yield function.lineno, name


def _remembers(decorator: ast.expr) -> bool:
    return _name_of(decorator.func if isinstance(decorator, ast.Call) else decorator) in {"cache", "lru_cache"}


_TABLE = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE|TABLE)\s+\"?(?P<table>(?P<app>[a-z]+)_[a-z]+)", re.IGNORECASE)
_APPS = {"kernel", "ledger", "accounts", "chat", "orders", "marketing", "sandbox"}


def _foreign_tables(tree: ast.Module, path: str) -> Found:
    own = PurePosixPath(path).parts[1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for found in _TABLE.finditer(node.value):
                if found["app"] in _APPS - {own}:
                    yield node.lineno, found["table"]


_TRANSPORT = (
    "celery",
    "rest_framework",
    "drf_spectacular",
    "django.contrib.auth.login",
    "django.contrib.auth.logout",
    "django.contrib.auth.update_session_auth_hash",
    "django.contrib.messages",
    "django.http",
    "django.middleware",
    "django.shortcuts",
    "django.template",
    "django.urls",
    "django.views",
)
_NETWORK = (
    "aiohttp",
    "django.core.cache",
    "django.core.mail",
    "django_redis",
    "http.client",
    "httpx2",
    "openai",
    "redis",
    "smtplib",
    "socket",
    "subprocess",
    "urllib.request",
    "wechatpy",
    "apps.kernel.http",
    "apps.kernel.redis",
)

WALLS = (
    Wall(
        "models are imported, not looked up",
        _is_no_migration,
        _naming(
            r"get_models?|get_user_model|_default_manager|_base_manager|import_module|import_string|__import__"
            r"|load_backend|get_for_model"
        ),
        {
            ("apps/accounts/invariants.py", "_default_manager"): "one check over five models of its own",
            ("apps/kernel/checks.py", "get_models"): "a rule for every model there is",
            ("apps/kernel/configuration.py", "_default_manager"): "saves whatever an app declares to be configuration",
            ("apps/kernel/own_invariants.py", "get_models"): "an invariant of every table there is",
            ("apps/kernel/own_invariants.py", "_default_manager"): "the same",
            ("apps/kernel/roles.py", "get_model"): "runs inside migrations, on their own models",
            ("apps/kernel/schema.py", "get_models"): "compares every table with what is written down",
            ("apps/kernel/schema.py", "_base_manager"): "reads every table's keys, whatever its managers hide",
            (
                "apps/kernel/sealing.py",
                "get_models",
            ): "finds every sealed column, so that none is left under a former key",
            ("apps/kernel/sealing.py", "_base_manager"): "the same, whatever their managers hide",
            ("apps/kernel/trails.py", "_default_manager"): "one check over every configured model",
            ("config/asgi.py", "import_string"): "settings name the views that answer late calls",
            ("config/on_loop.py", "import_string"): "settings name the middleware",
        },
    ),
    Wall(
        "interfaces open no transaction and hold no lock",
        _in(_INTERFACES | _LAYER_OF_CONFIG),
        _naming(r"atomic|on_commit|set_autocommit|savepoint|select_for_update|lock_\w+|hold_\w+"),
        {
            ("apps/accounts/sessions.py", "atomic"): "Django's own session store, whose two rows change together",
            ("config/demo.py", "atomic"): "a demonstration is there as a whole or not at all",
        },
    ),
    Wall(
        "services talk to the network and to Redis through gateways",
        _in(_CORE | _AUDIT | {"handlers"}),
        _importing(*_NETWORK),
    ),
    Wall("services know no request and no answer", _in(_CORE | _AUDIT), _importing(*_TRANSPORT)),
    Wall(
        "rules neither look at a clock nor roll dice",
        _in(_PURE),
        _either(
            _importing("random", "secrets", "time", "apps.kernel.clock", "os.urandom", "uuid.uuid4", "uuid_utils"),
            _calling(r"now|today|utcnow|urandom|uuid[14678]|new_id|monotonic"),
        ),
    ),
    Wall(
        "another app's tables are read by invariants alone",
        lambda path: path.startswith("apps/") and _is_no_migration(path) and layer_of(path) not in _AUDIT,
        _foreign_tables,
    ),
    Wall(
        "nothing hangs on a signal",
        _is_no_migration,
        _either(
            _importing(
                "blinker",
                "celery.signals",
                "django.core.signals",
                "django.contrib.auth.signals",
                "django.db.backends.signals",
                "django.db.models.signals",
                "django.dispatch",
                "django.test.signals",
            ),
            _naming(
                r"(?:pre|post)_(?:save|delete|init|migrate)|m2m_changed|request_(?:started|finished)|user_logged_\w+"
            ),
        ),
        {
            ("apps/ledger/apps.py", "django.db.models.signals"): "Django says that way that it emptied the tables",
            ("apps/ledger/apps.py", "post_migrate"): "the same",
            ("config/threads.py", "django.core.signals"): "Django's handlers say that way that a request has begun",
            ("config/threads.py", "request_started"): "the same",
        },
    ),
    Wall(
        "what a process remembers for good follows from what it was asked; the rest is a Fresh",
        _is_no_migration,
        _remembered,
        {
            ("apps/accounts/services/persons.py", "selectors"): "an account keeps its person, and no id comes twice",
            ("apps/kernel/redis.py", "settings"): "the address of Redis is of the process, and tests begin with it",
        },
    ),
)

# A name that says nothing about what belongs in the file.
_CATCH_ALL = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "misc",
    "shared",
    "core",
    "lib",
    "tools",
    "mixins",
    "manager",
}
# The files of an app. Inside a package of one layer they would be another layer in disguise.
_LAYERS = (
    _INTERFACES
    | _CORE
    | _AUDIT
    | {"apps", "urls", "checks", "gateways", "engine", "causes", "imaging", "markup", "words", "avatars", "registries"}
)
# Packages of an app that are neither layers nor rooms.
_NO_ROOMS = {"migrations", "templatetags"}
_MAY_BE_INSIDE = {
    ("api", "urls"): "an app's JSON addresses",
    ("api", "views"): "an app with few of them",
    ("api", "events"): "a stream of server-sent events",
    ("api", "sessions"): "the noun, not the layer",
    ("services", "checks"): "an order's checks, not Django's",
    ("services", "sessions"): "the noun, not the layer",
}


def misnamed(path: str) -> str | None:
    """Why this file's name does not belong into its app, or None."""
    parts = PurePosixPath(path).with_suffix("").parts
    if parts[0] != "apps" or "migrations" in parts:
        return None
    words = set(parts[2:]) | {word for part in parts[2:] for word in part.split("_")}
    if said := sorted(words & _CATCH_ALL):
        return f"{said[0]} says nothing about what belongs here"
    if parts[1] == "kernel" or len(parts) < 4:
        return None  # import-linter knows these by name
    layer, inside = _place(parts)
    disguised = [name for name in inside if name in _LAYERS and (layer, name) not in _MAY_BE_INSIDE]
    if layer in _LAYERS and disguised:
        return f"{disguised[0]} inside {layer}"
    if layer not in _LAYERS | _NO_ROOMS | {"__init__"}:
        return f"a room has the files of an app, and {layer} is none"
    return None
