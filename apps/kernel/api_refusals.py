"""Which refusals an endpoint answers, read from its code and from what the services that it calls say that they raise.

A list kept by hand beside each endpoint would be wrong within a week. The house style makes every service name its
errors after "Raises" in its docstring; this follows an endpoint's method to the services it names, and collects them.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

from apps.kernel.errors import DomainError, known_refusals

Refusals = frozenset[type[DomainError]]

_RAISES = re.compile(r"\bRaises\s(.*)", re.DOTALL)
_AS_ANOTHER = re.compile(r"\bwhat (\w+)\(\) raises\b")
_NAME = re.compile(r"\b(?:[a-z_]+\.)?([A-Z][A-Za-z]+)\b")


@cache
def refusals_of(method: Callable[..., Any], *, of: type[Any] | None = None) -> Refusals:
    """The refusals that calling this method can end in; `of` is the class whose `self` it has."""
    return frozenset(_reached(inspect.unwrap(method), of, set()))


def _reached(function: Any, of: type[Any] | None, seen: set[Any]) -> Iterator[type[DomainError]]:
    if not isinstance(function, FunctionType) or function in seen:
        return
    seen.add(function)
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    handled = {id(node) for handler in ast.walk(tree) if isinstance(handler, ast.ExceptHandler) and handler.type
               for node in ast.walk(handler.type)}  # fmt: skip
    for node in ast.walk(tree):
        if id(node) in handled or not isinstance(node, ast.Name | ast.Attribute):
            continue
        found = _resolve(node, function, of)
        if isinstance(found, type) and issubclass(found, DomainError):
            yield found
        elif isinstance(found, FunctionType):
            named = _named_in_docstring(found)
            yield from named
            # A helper beside the endpoint says nothing of its own; one of the kernel's or of another app's does.
            if not named and found.__module__ == function.__module__:
                yield from _reached(found, of, seen)


def _resolve(node: ast.expr, function: FunctionType, of: type[Any] | None) -> Any:
    """What a name or a dotted name in a function's body stands for, if that is known without running it."""
    if isinstance(node, ast.Name):
        return of if node.id == "self" else function.__globals__.get(node.id)
    if isinstance(node, ast.Attribute):
        base = _resolve(node.value, function, of)
        if base is not None:
            base = base if isinstance(base, ModuleType | type) else type(base)
            return inspect.unwrap(found) if callable(found := getattr(base, node.attr, None)) else found
    return None


def _named_in_docstring(function: FunctionType) -> list[type[DomainError]]:
    said = _RAISES.search(inspect.getdoc(function) or "")
    known = _by_name() if said else {}
    names = _NAME.findall(said[1]) if said else []
    # Two apps may have an error of one name: the function's own app means its own.
    app = function.__module__.split(".")[:2]
    found = [
        min(known[name], key=lambda error: error.__module__.split(".")[:2] != app) for name in names if name in known
    ]
    for other in _AS_ANOTHER.findall(said[1]) if said else []:
        found += _named_in_docstring(function.__globals__[other])
    return found


def _by_name() -> dict[str, list[type[DomainError]]]:
    known: dict[str, list[type[DomainError]]] = {}
    for error in known_refusals():
        known.setdefault(error.__name__, []).append(error)
    return known
