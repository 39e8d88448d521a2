"""Chinese texts: one part per app, joined and compiled in Python, because a bare machine has no GNU gettext."""

import argparse
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.utils.translation.template import templatize

from config import env

_FOLDER = env.ROOT / "locale" / "zh_Hans" / "LC_MESSAGES"
COMPILED = _FOLDER / "django.mo"
_KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    "_": None,
    **{f"gettext{kind}": None for kind in ("", "_lazy", "_noop")},
    **{f"ngettext{kind}": (1, 2) for kind in ("", "_lazy")},
    **{f"pgettext{kind}": ((1, "c"), 2) for kind in ("", "_lazy")},
}


def parts() -> list[Path]:
    """The files that translators edit, `parts/<app>.po`."""
    return sorted((_FOLDER / "parts").glob("*.po"))


def joined() -> Catalog:
    """All parts as one catalogue; where two parts translate one text, the first by file name wins."""
    whole = Catalog(locale="zh_Hans", domain="django", fuzzy=False)
    for _, message in _messages():
        if whole.get(message.id, message.context) is None:
            whole.add(message.id, message.string, context=message.context)
    return whole


def compile_stale() -> None:
    """Write django.mo if a part is newer than it; a process that reads it meanwhile sees the old or the new one."""
    newest = max((part.stat().st_mtime for part in parts()), default=0.0)
    if COMPILED.exists() and COMPILED.stat().st_mtime >= newest:
        return
    COMPILED.parent.mkdir(parents=True, exist_ok=True)
    draft = COMPILED.with_suffix(f".{os.getpid()}.mo")
    with draft.open("wb") as file:
        write_mo(file, joined())
    os.replace(draft, COMPILED)


def conflicts() -> Iterator[str]:
    """Texts that two parts translate differently."""
    seen: dict[object, tuple[str, object]] = {}
    for part, message in _messages():
        first, string = seen.setdefault((message.context, message.id), (part.stem, message.string))
        if string != message.string:
            yield f"{message.id!r}: {first} and {part.stem} differ"


def missing() -> Iterator[str]:
    """Texts of the source that no part translates."""
    known = joined()
    for path in _sources():
        for line, text, context in texts(path):
            message = known.get(text, context)
            if message is None or not message.string:
                yield f"{path.relative_to(env.ROOT)}:{line}: {text!r}"


def _messages() -> Iterator[tuple[Path, Message]]:
    for part in parts():
        with part.open("rb") as file:
            for message in read_po(file, locale="zh_Hans", domain="django"):
                if message.id and message.string:
                    yield part, message


def _sources() -> Iterator[Path]:
    for folder, pattern in (("apps", "*.py"), ("config", "*.py"), ("templates", "*.html"), ("templates", "*.txt")):
        yield from sorted((env.ROOT / folder).rglob(pattern))


def texts(path: Path) -> Iterator[tuple[int, str | tuple[str, ...], str | None]]:
    """(line, text, context) of everything that a file marks for translation."""
    source = path.read_text("utf-8")
    if path.suffix != ".py":
        # Markup leaves its indentation behind, which Python's tokenizer would take for its own.
        source = "\n".join(line.lstrip() for line in templatize(source).splitlines())
    for line, text, _comments, context in extract("python", io.BytesIO(source.encode()), keywords=_KEYWORDS):
        # A plural is known by its singular.
        yield line, text if isinstance(text, str) else text[0], context


def main() -> None:
    """Compile; with --missing, also list what is not translated, and fail if there is something."""
    parser = argparse.ArgumentParser(prog="messages")
    parser.add_argument("--missing", action="store_true")
    compile_stale()
    if parser.parse_args().missing:
        untranslated = [*missing(), *conflicts()]
        sys.stdout.writelines(f"{line}\n" for line in untranslated)
        sys.exit(bool(untranslated))


if __name__ == "__main__":
    main()
