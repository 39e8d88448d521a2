"""The browser's side of being signed in, as SESSION_ENGINE and for views: its session, whose it is, its language."""

from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user, logout, update_session_auth_hash
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase
from django.middleware.csrf import rotate_token
from django.utils.functional import SimpleLazyObject

from apps.accounts import rules, services
from apps.accounts.contracts import SignInMethod, StartedSession
from apps.accounts.services.sessions import SessionStore as DatabaseStore
from apps.kernel import clock, visitors
from apps.kernel.ids import UserId

# Set by the invite landing page; what it holds is checked by whoever hears of the registration.
INVITE_COOKIE = "invite"
_SEEN = "seen_at"


class SessionStore(DatabaseStore):
    """Whoever rotates a key rotates it here: no signed-in session is out of reach of "sign out"."""

    @classmethod
    def just_started(cls, started: StartedSession) -> "SessionStore":
        """The session that a service has written; nobody reads it again."""
        store = cls(started.key)
        store._session_cache = dict(started.content)  # type: ignore[attr-defined]  # Django's, without a type
        return store

    def _get_session_from_db(self) -> Session | None:
        """Django asks this of each session that it loads."""
        found = services.live_session(session_key=self.session_key, now=clock.now())
        if found is None:
            self._session_key = None
        return found

    def cycle_key(self) -> None:
        """A new key for the same session; one in which somebody is signed in and that is not in the list ends."""
        old_key = self.session_key
        with transaction.atomic():
            super().cycle_key()
            if SESSION_KEY not in self or not old_key or not self.session_key:
                return
            if not services.follow_session(old_key=old_key, new_key=self.session_key):
                self.flush()

    async def acycle_key(self) -> None:
        """The same for async views."""
        await sync_to_async(self.cycle_key)()


def sign_in(
    request: HttpRequest, *, user_id: UserId, method: SignInMethod, now: datetime, attempt_id: UUID | None = None
) -> None:
    """Sign the browser in under a new session key; whatever session it had is gone, unless this is refused.

    Raises what `services.start_session` raises.
    """
    started = services.start_session(
        user_id=user_id,
        method=method,
        old_key=request.session.session_key,
        address=visitors.address_of(request),
        user_agent=request.headers.get("User-Agent", ""),
        now=now,
        attempt_id=attempt_id,
    )
    request.session.flush()
    request.session = SessionStore.just_started(started)
    request.session[_SEEN] = int(now.timestamp())
    request.user = SimpleLazyObject(partial(get_user, request))  # type: ignore[assignment]  # as its middleware does
    rotate_token(request)


def sign_out(request: HttpRequest, *, now: datetime) -> None:
    """Sign the browser out on both sides; without a session there is nothing to do."""
    services.end_session(session_key=request.session.session_key, now=now)
    logout(request)


def note_use(request: HttpRequest, *, now: datetime) -> None:
    """Remember that the session was used; writes at most every five minutes."""
    seen = request.session.get(_SEEN)
    if seen is None or now < datetime.fromtimestamp(seen, UTC) + rules.SEEN_EVERY:
        return
    request.session[_SEEN] = int(now.timestamp())
    services.note_session_use(session_key=request.session.session_key, now=now)


def renew(request: HttpRequest) -> None:
    """Keep the browser signed in, under a new key, after its operator's password was changed."""
    if request.user.is_authenticated:
        request.user.refresh_from_db(fields=["password"])
        update_session_auth_hash(request, request.user)


def remember_language(request: HttpRequest, response: HttpResponseBase, language: str) -> None:
    """Let Django's locale middleware know the member's language after sign-in; what this browser chose stays."""
    if language and settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
        set_language(response, language)


def set_language(response: HttpResponseBase, language: str) -> None:
    """Show this browser the site in this language from the next page on."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=int(rules.SESSION_LIFETIME.total_seconds()),
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )
