"""Pictures: what members send to models that see, and what models draw."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import TextChoices


class PictureType(TextChoices):
    """What a picture is kept as, whatever it came as."""

    PNG = "image/png", "PNG"
    JPEG = "image/jpeg", "JPEG"


@dataclass(frozen=True, kw_only=True)
class PictureDetail:
    """A picture as its member sees it; sides in pixels."""

    id: UUID
    media_type: PictureType
    width: int
    height: int
    bytes: int
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class PictureFile:
    """The bytes of a picture."""

    media_type: PictureType
    content: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class CleanPicture(PictureFile):
    """A picture drawn anew: nothing is left of its file but what can be seen.

    `revised_prompt` is what its model made of the prompt, where one drew it and says so.
    """

    width: int
    height: int
    revised_prompt: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class StoredPicture:
    """A picture whose file is there and whose row is not yet."""

    id: UUID
    media_type: PictureType
    width: int
    height: int
    bytes: int
    revised_prompt: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class MadePicture(PictureDetail):
    """A picture that a model drew, with what it made of the prompt; "" where it said nothing of that."""

    revised_prompt: str = field(repr=False)
