"""Reads of pictures."""

from collections.abc import Collection
from dataclasses import asdict
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from apps.chat import errors
from apps.chat.contracts import MadePicture, PictureDetail, PictureType
from apps.chat.models import UNSETTLED, Generation, Picture
from apps.kernel.ids import UserId


def picture_of(*, user_id: UserId, picture_id: UUID) -> Picture:
    """One picture; somebody else's does not exist. Raises PictureNotFound."""
    row = Picture.objects.filter(pk=picture_id, user_id=user_id, erased_at=None).first()
    if row is None:
        raise errors.PictureNotFound
    return row


def any_picture(picture_id: UUID) -> Picture:
    """One picture, for whoever has a link to it. Raises PictureNotFound."""
    row = Picture.objects.filter(pk=picture_id, erased_at=None).first()
    if row is None:
        raise errors.PictureNotFound
    return row


def picture_detail(row: Picture) -> PictureDetail:
    """A picture as its member sees it."""
    return PictureDetail(
        id=row.id,
        media_type=PictureType(row.media_type),
        width=row.width,
        height=row.height,
        bytes=row.bytes,
        created_at=row.created_at,
    )


def kept_pictures(user_id: UserId) -> tuple[int, int]:
    """How many pictures a member keeps, and how many bytes they are."""
    rows = Picture.objects.filter(user_id=user_id, erased_at=None)
    found = rows.aggregate(number=Count("pk"), size=Coalesce(Sum("bytes"), 0))
    return found["number"], found["size"]


def promised_pictures(user_id: UserId) -> int:
    """How many pictures are being drawn for a member, at most."""
    drawing = Generation.objects.filter(user_id=user_id, state__in=UNSETTLED)
    promised: int = drawing.aggregate(number=Coalesce(Sum("images"), 0))["number"]
    return promised


def made_pictures(*, user_id: UserId, generation_id: UUID) -> tuple[MadePicture, ...]:
    """What a model drew for one answer, in its order."""
    rows = Picture.objects.filter(user_id=user_id, generation_id=generation_id, is_made=True, erased_at=None)
    return tuple(
        MadePicture(**asdict(picture_detail(row)), revised_prompt=row.revised_prompt) for row in rows.order_by("number")
    )


def unshown_pictures(*, before: UUID) -> QuerySet[Picture]:
    """Those that no conversation shows and nobody needs any more.

    What waits for its question, and what a program was given, until their time is over, which is when ids were smaller
    than `before`; what a program asks with, until no request of its member runs.
    """
    running = Generation.objects.filter(user_id=OuterRef("user_id"), state__in=UNSETTLED, message=None)
    is_asked_with = Q(is_made=False, generation__isnull=False)
    over = Q(is_asked_with, ~Exists(running)) | Q(~is_asked_with, ~Exists(running), pk__lt=before)
    return Picture.objects.filter(over, message=None, erased_at=None)


def known_pictures(picture_ids: Collection[UUID]) -> set[UUID]:
    """Those of these ids that have a row."""
    return set(Picture.objects.filter(pk__in=picture_ids).values_list("pk", flat=True))
