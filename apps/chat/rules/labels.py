"""What says of a text that a machine wrote it: the mark that people read, and the record of GB 45438-2025 (annex E).

The record is one JSON object of texts under the key AIGC. Who produces it also hands it on, so both halves name us.
Its reserved field holds a code over the whole file, with that code left out: who has the site's key sees any change.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from apps.chat.contracts import MessageDetail

# In both languages, whoever reads: the element "AI" and the element "generated" of the standard.
VISIBLE_MARK = "内容由 AI 生成 · AI-generated"
_KEY = "AIGC"
# "1" is generated, "2" and "3" are possibly and suspected.
_GENERATED = "1"
_FIELDS = (
    "Label",
    "ContentProducer",
    "ProduceID",
    "ReservedCode1",
    "ContentPropagator",
    "PropagateID",
    "ReservedCode2",
)
_FRONT_MATTER = re.compile(r"\A\ufeff?---\r?\n(.*?)\r?\n---\r?\n", re.DOTALL)
_LINE = re.compile(r"^\s+([A-Za-z0-9]+):\s*(.*?)\s*$", re.MULTILINE)
# What a record may say; anything longer is none of ours, and is not printed.
_LONGEST = 300


@dataclass(frozen=True, kw_only=True)
class Label:
    """What a file says of itself; fields that it leaves out are empty."""

    label: str
    producer: str
    produce_id: str
    code: str


@dataclass(frozen=True, kw_only=True)
class LabelledFile:
    """A file with what a model wrote, which says so."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class LabelCheck:
    """What a file says of itself, empty where it says nothing; `is_ours` if it is as this site wrote it."""

    label: str
    producer: str
    produce_id: str
    has_code: bool
    is_ours: bool


@dataclass(frozen=True, kw_only=True)
class RegisteredModel:
    """A model that answers here; `registration` is empty where the site has named none."""

    id: str
    name: str
    registration: str


def record(*, producer: str, produce_id: str, code: str = "") -> dict[str, str]:
    """The record of one content."""
    values = (_GENERATED, producer, produce_id, code, producer, produce_id, "")
    return dict(zip(_FIELDS, values, strict=True))


def as_one_line(label: Mapping[str, str]) -> str:
    """A record as JSON, as it stands in a picture."""
    return json.dumps(dict(label), ensure_ascii=False, separators=(",", ":"))


def as_markdown(
    title: str, messages: Iterable[MessageDetail], *, label: Mapping[str, str], me: str, zone: tzinfo
) -> str:
    """A conversation as a Markdown file: the record as front matter, the mark at each answer and at the end.

    `me` is what the owner of the conversation is called in it; `zone` is where its times are told.
    """
    front = "\n".join(f"  {name}: '{_quoted(value)}'" for name, value in label.items())
    parts = [f"---\n{_KEY}:\n{front}\n---\n\n# {_one_line(title)}\n"]
    for message in messages:
        who, mark = me, ""
        if message.generation is not None:
            who = _one_line(message.generation.model_name)
            mark = f"\n\n> {VISIBLE_MARK} · {message.generation.produce_id}"
        parts.append(f"\n## {who} · {message.created_at.astimezone(zone):%Y-%m-%d %H:%M}\n\n{message.text}{mark}\n")
    return "".join([*parts, f"\n---\n\n{VISIBLE_MARK}\n"])


def as_json(title: str, messages: Iterable[MessageDetail], *, label: Mapping[str, str]) -> str:
    """A conversation as a JSON file: the record at the top, and one of its own at each answer."""
    rows = [_as_row(message, producer=label["ContentProducer"]) for message in messages]
    document = {_KEY: dict(label), "notice": VISIBLE_MARK, "title": title, "messages": rows}
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def read_label(text: str) -> Label | None:
    """What a file says of itself, read liberally: front matter of Markdown, or JSON, the record or what has it."""
    found = _from_front_matter(text) or _from_json(text)
    if not isinstance(found, Mapping):
        return None
    said = {name: str(found.get(name, ""))[:_LONGEST] for name in _FIELDS}
    if not said["Label"].isprintable() or not said["Label"]:
        return None
    return Label(
        label=said["Label"],
        producer=said["ContentProducer"],
        produce_id=said["ProduceID"],
        code=said["ReservedCode1"],
    )


def without_code(text: str, code: str) -> str:
    """What the code of a file was made over: the file as it was before the code stood in it."""
    return text.replace(code, "", 1) if code else text


def _as_row(message: MessageDetail, *, producer: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": str(message.id),
        "role": message.role.value,
        "content": message.text,
        "created_at": message.created_at.isoformat(),
    }
    if message.generation is not None:
        row["model"] = message.generation.model
        row[_KEY] = record(producer=producer, produce_id=message.generation.produce_id)
    return row


def _from_front_matter(text: str) -> dict[str, str] | None:
    front = _FRONT_MATTER.match(text)
    if front is None or f"{_KEY}:" not in front[1]:
        return None
    block = front[1].split(f"{_KEY}:", 1)[1]
    return {name: value.strip("'\"").replace("''", "'") for name, value in _LINE.findall(block)}


def _from_json(text: str) -> Any:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(document, list):
        document = document[0] if document else None
    if not isinstance(document, dict):
        return None
    # A picture's is the record itself.
    return document if document.keys() <= set(_FIELDS) else document.get(_KEY)


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _one_line(text: str) -> str:
    return " ".join(text.split())
