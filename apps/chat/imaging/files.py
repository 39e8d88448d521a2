"""The files of pictures, in the place that STORAGES["pictures"] names. None has an address that anybody could open."""

import base64
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages

from apps.chat.contracts import PictureType

_ALIAS = "pictures"
_PNG = b"\x89PNG"


def write(picture_id: UUID, content: bytes) -> None:
    """Keep these bytes as the file of a picture. Raises OSError."""
    name = _name_of(picture_id)
    kept = _place().save(name, ContentFile(content))
    if kept != name:
        # Somebody else's is there already; an id is given once.
        _place().delete(kept)
        raise FileExistsError(name)


def read(picture_id: UUID) -> bytes:
    """The bytes of a picture. Raises OSError where there is no file, or where its place does not answer."""
    with _place().open(_name_of(picture_id)) as file:
        content: bytes = file.read()
    return content


def data_uri(picture_id: UUID) -> str:
    """A picture as channels are sent it, inside the question. Raises OSError."""
    content = read(picture_id)
    media_type = PictureType.PNG if content.startswith(_PNG) else PictureType.JPEG
    return f"data:{media_type.value};base64,{base64.b64encode(content).decode()}"


def size(picture_id: UUID) -> int | None:
    """How many bytes its file has; None where there is none."""
    try:
        return _place().size(_name_of(picture_id))
    except FileNotFoundError:
        return None


def delete(picture_id: UUID) -> None:
    """Delete its file; one that is gone already is. Raises OSError."""
    _place().delete(_name_of(picture_id))


def written_before(moment: datetime) -> Iterator[list[UUID]]:
    """Every picture that has a file since before that moment, folder by folder; files that are none are left alone."""
    place = _place()
    for folder in sorted(_listed(place, "")[0]):
        found = []
        for name in _listed(place, folder)[1]:
            picture_id = _id_of(name)
            if picture_id is not None and _is_older(place, f"{folder}/{name}", moment):
                found.append(picture_id)
        if found:
            yield found


def _place() -> Storage:
    return storages[_ALIAS]


def _name_of(picture_id: UUID) -> str:
    """By the id alone, so that whoever knows it needs no row; its last digits are the ones that differ."""
    return f"{picture_id.hex[-2:]}/{picture_id.hex}"


def _id_of(name: str) -> UUID | None:
    try:
        return UUID(hex=name)
    except ValueError:
        return None


def _listed(place: Storage, folder: str) -> tuple[list[str], list[str]]:
    try:
        return place.listdir(folder)
    except FileNotFoundError:
        return [], []


def _is_older(place: Storage, name: str, moment: datetime) -> bool:
    try:
        return place.get_modified_time(name) < moment
    except FileNotFoundError:
        return False
