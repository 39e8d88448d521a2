"""The columns of the list of channels: how each does, what failed last, and the buttons for it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _

from apps.chat import selectors, services
from apps.chat.contracts import BreakerState
from apps.chat.models import Attempt, Channel, ChannelKey
from apps.chat.rules.breaker import Health
from apps.kernel import clock
from apps.kernel.admin import Column, badge, link_to, may_offer

# Of so many failures of all channels, the last few of each.
_FAILURES_READ = 200
_FAILURES_SHOWN = 3


def is_well(channel: Channel) -> bool:
    """Whether nothing is known against it."""
    return _health_of(channel).is_well


def health_in_words(channel: Channel) -> Any:
    """Whether it is asked, and what is known against it."""
    if not channel.is_enabled:
        return badge(_("forced off"))
    facts = _health_of(channel)
    said = "" if facts.is_well else _("%(failures)s failures, last %(code)s") % _failures_of(channel)
    if channel.is_forced:
        return _lines(badge(_("forced on"), "warn"), said)
    if facts.state is BreakerState.CLOSED:
        return _lines(badge(BreakerState.CLOSED.label, "ok" if facts.is_well else "warn"), said)
    retried = _("tried again from %(at)s on") % {"at": _at(facts.retry_at)}
    return _lines(badge(facts.state.label, "bad"), said, retried)


def keys_in_words(channel: Channel) -> Any:
    """Each key: awake, or until when it sleeps and why."""
    return _lines(*(_key_in_words(key) for key in sorted(channel.keys.all(), key=lambda key: key.name)))


def _key_in_words(key: ChannelKey) -> Any:
    if not key.api_key_sealed:
        return _lines(badge(_("needs to be entered again"), "bad"), str(key))
    if not key.is_enabled:
        return _lines(badge(_("switched off")), str(key))
    if key.sleeps_until is None or key.sleeps_until <= clock.now():
        return str(key)
    facts = {"at": _at(key.sleeps_until), "code": key.sleep_reason}
    return _lines(badge(_("asleep"), "bad"), str(key), _("until %(at)s: %(code)s") % facts)


class RunningNow(Column):
    """How many answers each channel is writing, as the engines say."""

    def __init__(self) -> None:
        super().__init__("running", _("answers running"), self._running, classes="number")
        self.admin_order_field = ""
        self._told: Mapping[str, int] | None = None

    def prepare(self, rows: Iterable[Any]) -> None:
        """Ask once."""
        self._told = services.answers_running()

    def _running(self, channel: Channel) -> Any:
        number = "?" if self._told is None else self._told.get(channel.code, 0)
        return format_html('<span class="cell-label">{}: </span>{}', _("answers running"), number)


class LastFailures(Column):
    """The last failures of each channel among the last of all."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__("failures", _("last failures"), self._failures)
        self.admin_order_field = ""
        self._request = request
        self._found: defaultdict[Any, list[Attempt]] = defaultdict(list)

    def prepare(self, rows: Iterable[Any]) -> None:
        """Read once."""
        if not self._request.user.has_perm("chat.view_attempt"):
            return
        for attempt in selectors.recent_failures(limit=_FAILURES_READ):
            if len(found := self._found[attempt.route.channel_id]) < _FAILURES_SHOWN:
                found.append(attempt)

    def _failures(self, channel: Channel) -> Any:
        return _lines(*(self._line(attempt) for attempt in self._found[channel.pk])) or "–"

    def _line(self, attempt: Attempt) -> Any:
        said = f"{_at(attempt.created_at)} {attempt.code}"
        model = attempt.route.model
        address = link_to(self._request, attempt._meta.get_field("generation").related_model, attempt.generation_id)
        shown = format_html('<a href="{}">{}</a>', address, said) if address else said
        return format_html("{} · {} · {}", shown, model.code, attempt.get_phase_display())


class Acts(Column):
    """A button for whatever makes sense now. Each stands in a form of its own, beside the list's."""

    def __init__(self, page: Any, request: HttpRequest) -> None:
        super().__init__("acts", _("what can be done"), self._buttons)
        self.admin_order_field = ""
        self._acts = [(name, text, act) for name, (act, _name, text) in page.get_actions(request).items()]
        self._request = request

    def _buttons(self, channel: Channel) -> Any:
        offered = [(name, text) for name, text, act in self._acts if may_offer(self._request, act, channel)]
        buttons = ((f"act-{channel.pk}", name, text) for name, text in offered)
        html = '<button class="button" form="{}" name="action" value="{}">{} …</button>'
        return format_html('<div class="row-acts">{}</div>', format_html_join("", html, buttons)) if offered else "–"


def _health_of(channel: Channel) -> Health:
    health = getattr(channel, "health", None)
    facts: Health = Health() if health is None else health.facts
    return facts


def _failures_of(channel: Any) -> dict[str, Any]:
    return {"failures": channel.health.failures, "code": channel.health.code or "–"}


def _at(moment: Any) -> str:
    """In the site's zone, to the second; with its day unless that is today."""
    local, today = timezone.localtime(moment), timezone.localtime(clock.now()).date()
    return f"{local:%H:%M:%S}" if local.date() == today else f"{local:%Y-%m-%d %H:%M}"


def _lines(*parts: Any) -> Any:
    return format_html_join("", '<div class="cell-line">{}</div>', ((part,) for part in parts if part))
