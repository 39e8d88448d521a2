"""Refusals about pictures."""

from apps.kernel.errors import DomainError, ErrorKind, _


class PictureNotFound(DomainError):
    """No such picture, or somebody else's, or one that is erased; the three are not told apart."""

    kind = ErrorKind.NOT_FOUND
    code = "picture_not_found"
    title = _("There is no such picture.")


class PictureNotUnderstood(DomainError):
    """A file that is no picture, of a type that is not taken, or broken."""

    code = "picture_not_understood"
    title = _("This picture cannot be read. PNG, JPEG, WebP and GIF can.")


class PictureTooLarge(DomainError):
    """More bytes, or more pixels, than a picture may have; where it is the bytes, their `limit` is in the context."""

    code = "picture_too_large"
    title = _("This picture is too large. Make it smaller, then send it again.")


class PicturesFull(DomainError):
    """The member keeps as many pictures, or as much of them, as anybody may; `limit` and `unit` are in the context."""

    kind = ErrorKind.CONFLICT
    code = "pictures_full"
    title = _(
        "You keep as many pictures as you may. Nothing was charged. Delete conversations that have some, or pictures "
        "that programs were given, which go after a day, then try again."
    )


class TooManyPictures(DomainError):
    """More pictures than one message, or one request, may have; `limit` is in the context."""

    code = "too_many_pictures"
    title = _("These are too many pictures at once.")


class PictureInUse(DomainError):
    """A picture that another conversation shows, or that is asked with, cannot be sent or removed."""

    kind = ErrorKind.CONFLICT
    code = "picture_in_use"
    title = _("This picture belongs to another message. Choose it again.")


class PicturesTakeTurns(DomainError):
    """As many pictures of the member are being read as may be at once; `retry_after` seconds are in the context."""

    kind = ErrorKind.RATE_LIMITED
    code = "pictures_take_turns"
    title = _("Your pictures are read one after another. Please try again in a moment.")
