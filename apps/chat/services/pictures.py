"""Pictures of members: kept, shown to nobody else, and erased, the row first and then the file."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import QuerySet

from apps.accounts import services as accounts
from apps.accounts.contracts import ListScope
from apps.chat import errors, selectors
from apps.chat.contracts import CleanPicture, PictureDetail, PictureFile, PictureType, StoredPicture
from apps.chat.imaging import files as picture_files
from apps.chat.imaging.cleaning import clean, megapixels_of
from apps.chat.imaging.places import Places
from apps.chat.models import Generation, Message, Picture
from apps.chat.rules import pictures as rules
from apps.chat.services.labelled import labelled_picture
from apps.kernel import limits
from apps.kernel.db import insert
from apps.kernel.errors import DomainError
from apps.kernel.ids import UserId, first_id_at, new_id

logger = logging.getLogger(__name__)

_MEGABYTE = 1024 * 1024
_CHUNK = 200
# Of one run of the sweeper, which comes again in a minute.
_AT_ONCE = 2_000
# Pictures are drawn one after another, and who waits for that holds one of the threads in which all else is served too:
# of those of requests, and of those that programs ask in, so many at most. Whoever sends many sends them one after
# another, as the chat page does: nobody else's wait for all of them.
_UPLOADS = Places(16, each=4, waiting=0)
_REQUESTS = Places(3, each=1, waiting=2)


def check_room_for_pictures(*, user_id: UserId, more: int = 1, more_bytes: int = 0) -> None:
    """Raise PicturesFull unless the member may keep so many more, of so many bytes together, beside what is being drawn
    for them.
    """
    number, size = selectors.kept_pictures(user_id)
    promised = selectors.promised_pictures(user_id)
    if number + promised + more > settings.PICTURES_PER_MEMBER:
        raise errors.PicturesFull(limit=settings.PICTURES_PER_MEMBER, unit="pictures")
    if size + promised * rules.LEAST_MADE_BYTES + more_bytes > settings.PICTURE_MEGABYTES_PER_MEMBER * _MEGABYTE:
        raise errors.PicturesFull(limit=settings.PICTURE_MEGABYTES_PER_MEMBER, unit="MB")


def has_room_for(*, user_id: UserId, stored: Sequence[StoredPicture]) -> bool:
    """Whether a member may keep what was drawn for them, which was promised when it was asked for."""
    number, size = selectors.kept_pictures(user_id)
    is_too_much = size + sum(each.bytes for each in stored) > settings.PICTURE_MEGABYTES_PER_MEMBER * _MEGABYTE
    return number + len(stored) <= settings.PICTURES_PER_MEMBER and not is_too_much


def upload_picture(*, user_id: UserId, content: bytes, now: datetime) -> PictureDetail:
    """Keep a picture that a member chose for a question, for a day until it is asked. Slow: it is drawn anew.

    Raises PictureNotUnderstood, PictureTooLarge, PicturesFull, PicturesTakeTurns, RateLimited, Busy, and of accounts
    MemberFrozen, MemberClosed, MemberBlocked, MemberNotFound.
    """
    limits.hit(f"pictures:{user_id}", limit=rules.UPLOADS_PER_HOUR, window=timedelta(hours=1), now=now)
    check_room_for_pictures(user_id=user_id)
    with _UPLOADS.of(user_id):
        stored = store(clean(content))
    row = _row(stored, user_id=user_id, now=now)
    with transaction.atomic():
        # One member's pictures take turns: nobody comes beyond the limit at the same moment.
        accounts.hold_active(user_id=user_id, scope=ListScope.CHAT, now=now)
        check_room_for_pictures(user_id=user_id, more_bytes=row.bytes)
        insert([row])
    return selectors.picture_detail(row)


def read_picture(*, user_id: UserId, picture_id: UUID) -> PictureFile:
    """The bytes of one of a member's pictures. Raises PictureNotFound, also where its file is gone."""
    return file_of(selectors.picture_of(user_id=user_id, picture_id=picture_id))


def file_of(row: Picture) -> PictureFile:
    """The bytes of this picture. Raises PictureNotFound where its file is gone."""
    try:
        content = picture_files.read(row.pk)
    except FileNotFoundError:
        logger.error("picture %s has no file", row.pk)
        raise errors.PictureNotFound from None
    return PictureFile(media_type=PictureType(row.media_type), content=content)


def discard_picture(*, user_id: UserId, picture_id: UUID, now: datetime) -> None:
    """Erase a picture that no conversation shows: its member thought better of it, or a program has what it wanted.

    Raises PictureNotFound, PictureInUse.
    """
    row = selectors.picture_of(user_id=user_id, picture_id=picture_id)
    unshown = Picture.objects.filter(pk=row.pk, message=None, erased_at=None)
    if not row.is_made:
        unshown = unshown.filter(generation=None)
    with transaction.atomic():
        if not erase_pictures(unshown, now=now):
            # Whoever came first may have erased it, too.
            selectors.picture_of(user_id=user_id, picture_id=picture_id)
            raise errors.PictureInUse


def store_made(*, pictures: Sequence[CleanPicture]) -> tuple[StoredPicture, ...]:
    """Write what a model drew, and clean() marked, as files that say so, without rows yet: for a thread, outside a
    transaction.

    Who does not give them rows with keep_made() leaves them to the sweeper. Raises OSError.
    """
    return tuple(store(picture, is_made=True) for picture in pictures)


def chosen(*, user_id: UserId, conversation_id: UUID, picture_ids: Sequence[UUID]) -> list[dict[str, Any]] | None:
    """These pictures of a member's as a message of this conversation keeps them, each once; None for none.

    Raises PictureNotFound, PictureInUse, TooManyPictures.
    """
    if not picture_ids:
        return None
    wanted = list(dict.fromkeys(picture_ids))
    if len(wanted) > rules.PER_MESSAGE:
        raise errors.TooManyPictures(limit=rules.PER_MESSAGE)
    rows = Picture.objects.filter(user_id=user_id, pk__in=wanted, is_made=False, erased_at=None)
    found = {row.pk: row for row in rows.select_related("message")}
    for picture_id in wanted:
        if picture_id not in found:
            raise errors.PictureNotFound
        shown_in = found[picture_id].message
        is_elsewhere = shown_in is not None and shown_in.conversation_id != conversation_id
        if is_elsewhere or found[picture_id].generation_id is not None:
            raise errors.PictureInUse
    return [part_of(found[picture_id]) for picture_id in wanted]


def hang(question: Message, *, conversation_id: UUID) -> None:
    """Let a new message have the pictures that it shows, in the transaction that asks; whoever comes first has them.

    Raises PictureNotFound for one that was erased meanwhile, PictureInUse.
    """
    if question.pictures is None:
        return
    ids = selectors.picture_ids(question.pictures)
    rows = Picture.objects.filter(pk__in=ids, erased_at=None)
    hung = rows.filter(message=None, generation=None).update(message=question)
    of_others = rows.filter(message__conversation_id=conversation_id).exclude(message=question)
    if hung + of_others.count() < len(ids):
        raise errors.PictureInUse if rows.count() == len(ids) else errors.PictureNotFound


def take_in(
    requests: Sequence[Any], *, user_id: UserId, model: str, now: datetime
) -> tuple[list[Any], list[StoredPicture]]:
    """Requests of a program with kept pictures in place of those that it sent; and these, whose rows are not there yet.

    Slow where there are any: for a thread, outside a transaction. Who is refused afterwards takes them back with
    take_back(); what they had drawn counts, or drawing would be free for whoever never asks.
    Raises ImagesNotUnderstood, ParameterNotOffered, TooManyPictures, PictureNotUnderstood, PictureTooLarge,
    PicturesFull, PicturesTakeTurns, RateLimited, Busy.
    """
    sent = [part for request in requests for turn in request for part in turn["parts"] if part["type"] == "image_url"]
    if not sent:
        return list(requests), []
    if selectors.is_blind(model):
        raise errors.ImagesNotUnderstood(param=sent[0]["at"])
    if len(sent) > rules.PER_REQUEST:
        raise errors.TooManyPictures(limit=rules.PER_REQUEST)
    check_room_for_pictures(user_id=user_id, more=len(sent))
    contents = []
    megapixels = 0
    for part in sent:
        with _named(part):
            contents.append(rules.bytes_of(part["url"]))
            megapixels += megapixels_of(contents[-1])
    stored: dict[int, StoredPicture] = {}
    with _REQUESTS.of(user_id):
        limit, hour = rules.MEGAPIXELS_PER_HOUR, timedelta(hours=1)
        limits.hit(f"megapixels:{user_id}", limit=limit, window=hour, now=now, times=megapixels)
        try:
            for part, content in zip(sent, contents, strict=True):
                with _named(part):
                    stored[id(part)] = store(clean(content))
        except DomainError:
            take_back(stored.values())
            raise

    def kept(part: Any) -> Any:
        return part_of(stored[id(part)], detail=part["detail"]) if id(part) in stored else part

    taken = [[{**turn, "parts": [kept(part) for part in turn["parts"]]} for turn in request] for request in requests]
    return taken, list(stored.values())


def take_back(stored: Iterable[StoredPicture]) -> None:
    """Delete files that were written, and whose rows never come; what fails is left to the sweeper."""
    for each in stored:
        _is_deleted(each.id)


def keep_asked_with(*, row: Generation, stored: Sequence[StoredPicture], now: datetime) -> None:
    """Give what take_in() wrote to the member of this generation, in the transaction that begins it."""
    if stored:
        user_id = UserId(row.user_id)
        check_room_for_pictures(user_id=user_id, more=len(stored), more_bytes=sum(each.bytes for each in stored))
        insert(
            [
                _row(each, user_id=user_id, now=now, generation_id=row.pk, number=number)
                for number, each in enumerate(stored)
            ]
        )


def keep_made(*, row: Generation, stored: Sequence[StoredPicture], now: datetime) -> tuple[UUID, ...]:
    """Give what store_made() wrote to the member of this generation, in the transaction that settles it; their ids.

    Where a conversation asked, its answer shows them from now on.
    """
    made = [
        _row(
            each,
            user_id=UserId(row.user_id),
            now=now,
            generation_id=row.pk,
            number=number,
            is_made=True,
            revised_prompt=each.revised_prompt,
        )
        for number, each in enumerate(stored)
    ]
    for picture in made:
        picture.message_id = row.message_id
    if made:
        insert(made)
        if row.message_id is not None:
            Message.objects.filter(pk=row.message_id).update(pictures=[part_of(each) for each in stored])
    return tuple(picture.pk for picture in made)


def store(picture: CleanPicture, *, is_made: bool = False) -> StoredPicture:
    """Write a clean picture as a file under a new id; what a model made is labelled by that. Raises OSError."""
    picture_id = new_id()
    content = labelled_picture(picture.content, produce_id=picture_id) if is_made else picture.content
    picture_files.write(picture_id, content)
    return StoredPicture(
        id=picture_id,
        media_type=picture.media_type,
        width=picture.width,
        height=picture.height,
        bytes=len(content),
        revised_prompt=picture.revised_prompt,
    )


def part_of(picture: StoredPicture | Picture, *, detail: str = "auto") -> dict[str, Any]:
    """A picture as a part of what is asked, as it is kept."""
    tokens = rules.picture_tokens(width=picture.width, height=picture.height, detail=detail)
    return {"type": "image", "picture": str(picture.id), "tokens": tokens, "detail": detail}


def erase_pictures(rows: QuerySet[Picture], *, now: datetime) -> int:
    """Erase these in the caller's transaction; how many there were. Their files go as soon as it is done."""
    ids = list(rows.filter(erased_at=None).select_for_update(of=("self",)).values_list("pk", flat=True))
    if ids:
        Picture.objects.filter(pk__in=ids).update(erased_at=now, revised_prompt="")
        transaction.on_commit(lambda: _purge(Picture.objects.filter(pk__in=ids)))
    return len(ids)


def purge_pictures(*, now: datetime) -> int:
    """Erase what no conversation shows and nobody needs; delete the files, then the rows, of what is erased.

    Returns how many rows went. Twice, or beside another, does no harm.
    """
    over = selectors.unshown_pictures(before=first_id_at(now - rules.WAITS)).values_list("pk", flat=True)[:_AT_ONCE]
    Picture.objects.filter(pk__in=list(over), message=None, erased_at=None).update(erased_at=now, revised_prompt="")
    return _purge(Picture.objects.order_by("pk"))


def purge_picture_files(*, now: datetime) -> int:
    """Delete files whose row was never written, or went without them; how many."""
    purged = 0
    for found in picture_files.written_before(now - rules.FILE_WAITS):
        for picture_id in set(found) - selectors.known_pictures(found):
            picture_files.delete(picture_id)
            purged += 1
    return purged


def export_pictures(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    """The member's pictures, oldest first: what they are and where they are shown; `file` is their name in the zip."""
    for row in _of_member(user_id):
        yield {
            "id": row.pk,
            "file": _file_name(row),
            "message_id": row.message_id,
            "generation_id": row.generation_id,
            "is_made": row.is_made,
            "revised_prompt": row.revised_prompt or None,
            "media_type": row.media_type,
            "width": row.width,
            "height": row.height,
            "bytes": row.bytes,
            "created_at": row.created_at,
        }


def export_picture_files(*, user_id: UserId) -> Iterator[tuple[str, bytes]]:
    """The files themselves, by name; one at a time."""
    for row in _of_member(user_id):
        try:
            yield _file_name(row), picture_files.read(row.pk)
        except OSError:
            logger.exception("picture %s could not be read for its member", row.pk)


@contextmanager
def _named(part: Mapping[str, Any]) -> Iterator[None]:
    """Say of what is refused inside where in the request it stands."""
    try:
        yield
    except DomainError as error:
        error.context.setdefault("param", part["at"])
        raise


def _purge(rows: QuerySet[Picture]) -> int:
    """Delete the files, then the rows, of those that are erased; what fails stays for the next run."""
    try:
        erased = rows.filter(erased_at__isnull=False).values_list("pk", flat=True)[:_AT_ONCE]
        gone = [picture_id for picture_id in erased if _is_deleted(picture_id)]
        Picture.objects.filter(pk__in=gone, erased_at__isnull=False).delete()
    except DatabaseError:
        logger.exception("erased pictures are left to the next run")
        return 0
    return len(gone)


def _is_deleted(picture_id: UUID) -> bool:
    try:
        picture_files.delete(picture_id)
    except OSError:
        logger.exception("the file of a picture is left to the next run")
        return False
    return True


def _row(stored: StoredPicture, *, user_id: UserId, now: datetime, **more: Any) -> Picture:
    return Picture(
        id=stored.id,
        user_id=user_id,
        media_type=stored.media_type,
        width=stored.width,
        height=stored.height,
        bytes=stored.bytes,
        created_at=now,
        **more,
    )


def _of_member(user_id: UserId) -> Iterator[Picture]:
    return Picture.objects.filter(user_id=user_id, erased_at=None).order_by("pk").iterator(_CHUNK)


def _file_name(row: Picture) -> str:
    return f"{row.pk}.{'png' if row.media_type == PictureType.PNG else 'jpg'}"
