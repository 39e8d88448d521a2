"""Why a draw is refused; no chance is gone then."""

from apps.kernel.errors import DomainError, ErrorKind, _


class DrawNotFound(DomainError):
    """No such draw, or it is somebody else's."""

    kind = ErrorKind.NOT_FOUND
    code = "draw_not_found"
    title = _("There is no such draw.")


class OddsChanged(DomainError):
    """The member saw other odds; the version that is drawn by now is in the context."""

    kind = ErrorKind.CONFLICT
    code = "odds_changed"
    title = _("The odds have changed since you opened this page.")


class DrawsSwitchedOff(DomainError):
    """An operator has switched all draws off."""

    kind = ErrorKind.UNAVAILABLE
    code = "draws_switched_off"
    title = _("Draws are closed for the moment.")


class NoChances(DomainError):
    """Fewer chances than draws asked for."""

    kind = ErrorKind.UNPROCESSABLE
    code = "no_chances"
    title = _("You have no draw chances left.")


class CountNotOffered(DomainError):
    """A request draws 1 or 10 times."""

    kind = ErrorKind.INVALID
    code = "count_not_offered"
    title = _("You can draw once or ten times.")


class ClientSeedInvalid(DomainError):
    """A client seed is up to 64 letters, digits, - or _."""

    kind = ErrorKind.INVALID
    code = "client_seed_invalid"
    title = _("A client seed is up to 64 letters, digits, hyphens or underscores.")


class DrawConflict(DomainError):
    """Another draw of the same member came in between; trying again is safe."""

    kind = ErrorKind.CONFLICT
    code = "draw_conflict"
    title = _("Another draw of yours came in between, please try again.")
