"""Files with what models wrote: each says so, to people and to programs, and the site recognises its own."""

import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from lzma import LZMAError
from typing import Any
from uuid import UUID
from zipfile import BadZipFile, ZipFile
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _

from apps.chat import selectors
from apps.chat.imaging import records
from apps.chat.rules import labels, limits
from apps.chat.rules.labels import LabelCheck, LabelledFile, RegisteredModel
from apps.kernel import sealing
from apps.kernel.ids import UserId

_PURPOSE = "ai_label"
# In an archive of many files: the record of the whole.
_OF_AN_ARCHIVE = "AIGC.json"
_MOST_BYTES = 50_000_000
# What a broken archive, or one of another kind, raises: zipfile passes on what the way of packing says.
_BROKEN = (BadZipFile, KeyError, RuntimeError, ValueError, EOFError, OSError, zlib.error, LZMAError)


def export_conversation(*, user_id: UserId, conversation_id: UUID, kind: str) -> LabelledFile:
    """The branch that its owner looks at as a file, "markdown" or "json", which says who generated it.

    Raises ConversationNotFound.
    """
    conversation, branch = selectors.conversation_with_branch(
        user_id=user_id, conversation_id=conversation_id, limit=limits.EXPORTED_MESSAGES
    )
    title = conversation.title or _("New chat")

    def write(label: Mapping[str, str]) -> str:
        if kind == "json":
            return labels.as_json(title, branch, label=label)
        return labels.as_markdown(title, branch, label=label, me=_("I asked"), zone=ZoneInfo(settings.TIME_ZONE))

    text = _with_code(write, produce_id=str(conversation.id))
    ending, media_type = ("json", "application/json") if kind == "json" else ("md", "text/markdown; charset=utf-8")
    return LabelledFile(name=f"chatloop-{conversation.id}.{ending}", media_type=media_type, content=text.encode())


def label_of_archive(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    """What a member's archive says of itself: some of its files were written by models."""
    yield {"AIGC": labels.record(producer=settings.AI_LABEL_PRODUCER, produce_id=f"own-data-{user_id}")}


def label_of_answer(produce_id: object) -> dict[str, str]:
    """The record of one answer, as it stands beside its text in JSON."""
    return labels.record(producer=settings.AI_LABEL_PRODUCER, produce_id=str(produce_id))


def labelled_picture(content: bytes, *, produce_id: object) -> bytes:
    """A PNG or a JPEG without any XMP, with its record in it; the code is over the record and every other byte."""
    apart = records.taken_apart(content)
    rest = content if apart is None else apart[0]
    label = labels.record(producer=settings.AI_LABEL_PRODUCER, produce_id=str(produce_id))
    label["ReservedCode1"] = sealing.keyed_hash(_PURPOSE, _made_over(rest, labels.as_one_line(label)))
    return records.with_record(content, labels.as_one_line(label))


def verify_label(*, content: bytes) -> LabelCheck:
    """What a file says of who generated it, and whether it is as this site wrote it."""
    apart = records.taken_apart(content)
    text = _text_of(content) if apart is None else apart[1]
    label = labels.read_label(text) if text is not None else None
    if text is None or label is None:
        return LabelCheck(label="", producer="", produce_id="", is_ours=False, has_code=False)
    made_over = labels.without_code(text, label.code)
    if apart is not None:
        made_over = _made_over(apart[0], made_over)
    is_ours = bool(label.code) and label.code in sealing.keyed_hashes(_PURPOSE, made_over)
    return LabelCheck(
        label=label.label,
        producer=label.producer,
        produce_id=label.produce_id,
        is_ours=is_ours,
        has_code=bool(label.code),
    )


def registered_models() -> list[RegisteredModel]:
    """The models that answer here, and under which number each is registered, in the operators' order."""
    return [
        RegisteredModel(id=code, name=name, registration=settings.MODEL_REGISTRATIONS.get(code, ""))
        for code, name in selectors.models_on_offer()
    ]


def _made_over(rest: bytes, record: str) -> str:
    """What the code of a picture is made over: its record without the code, and the file without its record."""
    return f"{hashlib.sha256(rest).hexdigest()}\n{record}"


def _with_code(write: Callable[[Mapping[str, str]], str], *, produce_id: str) -> str:
    producer = settings.AI_LABEL_PRODUCER
    code = sealing.keyed_hash(_PURPOSE, write(labels.record(producer=producer, produce_id=produce_id)))
    return write(labels.record(producer=producer, produce_id=produce_id, code=code))


def _text_of(content: bytes) -> str | None:
    """The text of a file, or of the label of an archive; None for what is neither."""
    if content.startswith(b"PK"):
        try:
            with ZipFile(BytesIO(content)) as archive, archive.open(_OF_AN_ARCHIVE) as file:
                content = file.read(_MOST_BYTES)
        except _BROKEN:
            return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None
