"""Images for programs: asked as any question is, kept for a while, and handed out in the answer or by a link."""

from datetime import datetime, timedelta
from hmac import compare_digest
from uuid import UUID

from django.db import transaction

from apps.accounts.contracts import IdentifiedKey
from apps.chat import errors, rules, selectors
from apps.chat.contracts import MadePicture, ModelKind, PictureFile, Role
from apps.chat.rules.admission import rate_of
from apps.chat.rules.images import ImagesAsked
from apps.chat.rules.pictures import LEAST_MADE_BYTES
from apps.chat.services import paying, starting
from apps.chat.services.chain import asking
from apps.chat.services.pictures import check_room_for_pictures, file_of
from apps.chat.services.starting import Started
from apps.chat.services.word_lists import sifting
from apps.kernel import sealing
from apps.kernel.errors import DomainError
from apps.kernel.ids import UserId

_WANTED = frozenset({ModelKind.IMAGE})
_LINK_LASTS = timedelta(hours=1)
_PURPOSE = "picture_link"


def start_images(*, asked: ImagesAsked, key: IdentifiedKey, address: str, now: datetime) -> Started:
    """Have a model draw images; each call starts and pays another.

    Set aside and paid by the image, so many as are kept; a free use of the day pays for none. `asked` is what
    read_images() gave, `address` the visitor's, "" for nobody's. Raises ChatSwitchedOff, ModelDrawsNothing,
    RequestTooLong, PicturesFull, and what start_generation() raises of the chain of rules and of accounts.
    """
    turns = (rules.text_turn(Role.USER, asked.prompt),)
    # Before anything is locked.
    sift, tokens = sifting(turns), rules.asked_tokens(turns)
    question = starting.Asking(
        user_id=key.user_id, model=asked.model, key=key, address=address, sift=sift, wanted=_WANTED, now=now
    )
    with asking(user_id=key.user_id, key=key, now=now) as lately, transaction.atomic():
        asker = starting.admit(question, turns=turns, lately=lately)
        if tokens > (limit := asker.facts.model.context_tokens):
            raise errors.RequestTooLong(limit=limit)
        check_room_for_images(user_id=key.user_id, number=asked.number)
        asks = paying.Asks(
            question_tokens=tokens,
            branch_tokens=tokens,
            most_output_tokens=1,
            images=asked.number,
            image_size=asked.size,
            image_quality=asked.quality,
        )
        (row,) = paying.paid_generations(asker, asks)
        paying.check_room(asker)
        row.request = rules.request_of(asker.question.turns)
        row.options = dict(asked.options) or None
        token_rate = starting.queue(row, asker=asker)
    return Started(generations=(selectors.generation_detail(row),), rate=rate_of(asker.question), token_rate=token_rate)


def check_room_for_images(*, user_id: UserId, number: int) -> None:
    """Raise PicturesFull, about their number, unless the member may keep so many more; under the person's lock.

    How large they will be nobody knows: there has to be room for small ones.
    """
    try:
        check_room_for_pictures(user_id=user_id, more=number, more_bytes=number * LEAST_MADE_BYTES)
    except DomainError as error:
        error.context["param"] = "n"
        raise


def made_pictures(*, user_id: UserId, generation_id: UUID) -> tuple[MadePicture, ...]:
    """What a model drew for one of a member's answers, in its order; what is erased is left out."""
    return selectors.made_pictures(user_id=user_id, generation_id=generation_id)


def picture_link(*, picture_id: UUID, now: datetime) -> tuple[int, str]:
    """Until when a link to this picture is good, and the signature that says so: who has both needs nothing else."""
    until = int((now + _LINK_LASTS).timestamp())
    return until, sealing.keyed_hash(_PURPOSE, _signed(picture_id, until))


def read_linked_picture(*, picture_id: UUID, until: int, signature: str, now: datetime) -> PictureFile:
    """The bytes of a picture to which somebody has a link. Raises PictureNotFound, also where that is over."""
    hashes = sealing.keyed_hashes(_PURPOSE, _signed(picture_id, until))
    is_signed = any(compare_digest(signature.encode(), each.encode()) for each in hashes)
    if not is_signed or until < now.timestamp():
        raise errors.PictureNotFound
    return file_of(selectors.any_picture(picture_id))


def _signed(picture_id: UUID, until: int) -> str:
    return f"{picture_id}:{until}"
