"""What must never be false about chat, as queries."""

import json
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import F, Q, QuerySet

from apps.accounts.contracts import MemberStatus
from apps.chat.contracts import GenerationState
from apps.chat.imaging import files as picture_files
from apps.chat.models import (
    UNSETTLED,
    AnswerVectors,
    Conversation,
    Generation,
    Message,
    OwnKey,
    OwnPrompt,
    Picture,
    Report,
    WordList,
    WordSheet,
)
from apps.chat.rules import digest_of, limits
from apps.chat.rules.reports import ReportState
from apps.chat.services.free_allowance import local_day
from apps.chat.services.settling import LEASE_BOUND
from apps.kernel import clock
from apps.kernel.invariants import SHOWN, Breach, came_since, first_key_at, invariant, rows

# An answer counts on the day on which it was asked for, and may be settled on the next: the minute run looks at both.
_LOOK_BACK = timedelta(days=2)
# The sweeper runs every few seconds; whoever waits for it this long waits in vain.
_GRACE = timedelta(minutes=1)
# No answer is written to for longer than this after it was asked for.
_LONGEST_ANSWER = timedelta(hours=1)
# Beyond what the beat leaves (services.forget_vectors), with time for one run that fell out.
_VECTORS_KEPT = timedelta(hours=1)

# An erased picture's file goes at once or with the next minute; a place of files that is away has a day to come back.
_PURGED_WITHIN = timedelta(days=1)

# One statement each: an answer that is settled meanwhile is in both numbers or in neither.
_UNSETTLED = ", ".join(f"'{state}'" for state in UNSETTLED)
_FREE_USES = """
SELECT flow.person, flow.day, SUM(flow.answers)
FROM (
    SELECT account.person_id AS person, generation.free_day AS day, 1 AS answers
    FROM chat_generation AS generation JOIN accounts_user AS account ON account.id = generation.user_id
    WHERE paid_by = 'free' AND (state IN ({unsettled}) OR is_delivered) AND free_day >= %s AND generation.id >= %s
    UNION ALL
    SELECT person_id, day, -used FROM chat_freeuse WHERE day >= %s
) AS flow
GROUP BY flow.person, flow.day
HAVING SUM(flow.answers) <> 0
"""
_UNPAID = """
SELECT flow.person, flow.day, SUM(flow.answers)
FROM (
    SELECT account.person_id AS person, generation.unpaid_day AS day, 1 AS answers
    FROM chat_generation AS generation JOIN accounts_user AS account ON account.id = generation.user_id
    WHERE generation.unpaid_day >= %s AND generation.id >= %s
    UNION ALL
    SELECT person_id, day, -unpaid FROM chat_freeuse WHERE day >= %s
) AS flow
GROUP BY flow.person, flow.day
HAVING SUM(flow.answers) <> 0
"""


@invariant("I-16-chat", "no generation is left without its engine")
def generations_are_looked_after(now: datetime) -> Iterable[Breach]:
    """Running generations whose lease ran out, and queued ones that nobody took up, beyond the sweeper's grace."""
    over = Q(lease_until__lt=now - _GRACE) | Q(lease_until__gt=now + LEASE_BOUND + _GRACE)
    lease_ran_out = Q(over, state=GenerationState.RUNNING)
    forgotten = Q(state=GenerationState.QUEUED, created_at__lt=now - limits.QUEUE_LIMIT - _GRACE)
    for row in Generation.objects.filter(lease_ran_out | forgotten).order_by("pk")[:100]:
        yield Breach(f"generation {row.pk}", f"{row.state} since {row.created_at.isoformat()}")


@invariant("I-16-vectors", "no embeddings are kept for whoever did not come for them")
def vectors_are_forgotten(now: datetime) -> Iterable[Breach]:
    """Embeddings that are older than the beat leaves any."""
    left = AnswerVectors.objects.filter(created_at__lt=now - _VECTORS_KEPT).order_by("created_at")
    for pk, created_at in left.values_list("pk", "created_at")[:SHOWN]:
        yield Breach(f"embeddings of generation {pk}", f"since {created_at.isoformat()}")


@invariant("I-17-free", "free uses equal the answers that they paid for", windowed=True)
def free_uses_are_accounted_for(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Days on which a person's count of free uses differs from the answers under way or delivered on them."""
    for person, day, surplus in _of_days(_FREE_USES.format(unsettled=_UNSETTLED), now, since):
        yield Breach(f"free uses of {person} on {day}", f"{surplus:+} answers beyond the count")


@invariant("I-17-unpaid", "each day's count of unpaid answers equals those answers", windowed=True)
def unpaid_answers_are_counted(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Days on which a person's count of answers at our cost, which limits them, is not the number of such answers."""
    for person, day, surplus in _of_days(_UNPAID, now, since):
        yield Breach(f"unpaid answers of {person} on {day}", f"{surplus:+} answers beyond the count")


@invariant(
    "I-64",
    "a closed account has no conversation, text, picture, own key or prompt, and nothing unsettled",
    windowed=True,
)
def closed_accounts_say_nothing(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """What was written while or after an account closed: its owner was told that it is erased."""
    # An answer is written to for as long as it runs.
    since = None if since is None else since - _LONGEST_ANSWER
    said = ~Q(text="") | ~Q(reasoning="") | Q(request__isnull=False)
    said |= Q(tool_calls__isnull=False) | Q(logprobs__isnull=False) | Q(state__in=UNSETTLED)
    left: tuple[QuerySet[Any], ...] = (
        came_since(Conversation.objects.filter(Q(deleted_at=None) | ~Q(title="")), since),
        came_since(Message.objects.filter(~Q(text="") | Q(pictures__isnull=False)), since),
        came_since(Picture.objects.filter(erased_at=None), since),
        came_since(Generation.objects.filter(said), since),
        OwnKey.objects.all(),
        OwnPrompt.objects.all(),
        # There are few, and they are decided days later.
        Report.objects.filter(~Q(note="") | ~Q(result="")),
    )
    for found in left:
        at_closed = found.filter(user__status=MemberStatus.CLOSED)
        for pk in at_closed.order_by("pk").values_list("pk", flat=True)[:SHOWN]:
            yield Breach(f"{found.model._meta.model_name} {pk}", "at a closed account")


@invariant("I-64-pictures", "a picture that somebody may look at has its file, and an erased one goes", windowed=True)
def pictures_have_their_files(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Pictures whose file is gone or of another size; and erased ones whose rows stay, beyond the sweeper's grace."""
    kept = came_since(Picture.objects.filter(erased_at=None), since).order_by("pk")
    for pk, size in kept.values_list("pk", "bytes").iterator():
        found = picture_files.size(pk)
        if found != size and Picture.objects.filter(pk=pk, erased_at=None).exists():
            yield Breach(f"picture {pk}", "has no file" if found is None else f"has {found} bytes of {size}")
    left = Picture.objects.filter(erased_at__lt=now - _PURGED_WITHIN).order_by("pk")
    for pk in left.values_list("pk", flat=True)[:SHOWN]:
        yield Breach(f"picture {pk}", "is erased and still there")


@invariant("I-64-shown", "a message shows pictures of its own conversation, and they are there", windowed=True)
def shown_pictures_are_there(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Messages that name a picture which is gone, or which another conversation has."""
    said = came_since(Message.objects.filter(pictures__isnull=False, conversation__deleted_at=None), since)
    for row in said.order_by("pk").only("conversation_id", "pictures").iterator():
        named = {str(each["picture"]) for each in row.pictures or ()}
        own = Picture.objects.filter(pk__in=named, erased_at=None, message__conversation=row.conversation_id)
        if (missing := len(named) - own.count()) != 0:
            yield Breach(f"message {row.pk}", f"{missing} of its pictures are not of its conversation")


@invariant("I-64-owner", "a picture is of the member who asked with it, or for whom it was made", windowed=True)
def pictures_are_their_members(now: datetime, since: datetime | None = None) -> Iterable[Breach]:
    """Pictures at somebody else's message or generation, and those at a place that does not name them."""
    kept = came_since(Picture.objects.filter(erased_at=None), since)
    strange = Q(message__isnull=False) & ~Q(message__user=F("user"))
    strange |= Q(generation__isnull=False) & ~Q(generation__user=F("user"))
    for pk in kept.filter(strange).order_by("pk").values_list("pk", flat=True)[:SHOWN]:
        yield Breach(f"picture {pk}", "at what somebody else asked")
    placed = kept.exclude(message=None, generation=None).exclude(message=None, is_made=True)
    shown = placed.order_by("pk").values_list("pk", "message__pictures", "generation__request")
    for pk, pictures, request in shown.iterator():
        if f'"{pk}"' not in json.dumps([pictures, request]):
            yield Breach(f"picture {pk}", "at a place that does not name it")


@invariant("I-52-reports", "no report is open beyond the time that its member was told")
def reports_are_answered_in_time(now: datetime) -> Iterable[Breach]:
    """Reports that nobody has decided in time; who has left hears of none."""
    late = Report.objects.filter(state=ReportState.OPEN.value, due_at__lt=now).exclude(user__status=MemberStatus.CLOSED)
    for pk, due_at in late.order_by("due_at").values_list("pk", "due_at")[:SHOWN]:
        yield Breach(f"report {pk}", f"was to be answered by {due_at.isoformat()}")


def _of_days(query: str, now: datetime, since: datetime | None) -> list[tuple[Any, ...]]:
    """The rows of one of the queries above: of every day, or in the minute run of the last ones."""
    day = date.min if since is None else local_day(now - _LOOK_BACK)
    first = connection.ops.adapt_datefield_value(day)
    # A day's answers are found by their keys: there is no index of days. An hour, for the clocks of other hosts.
    midnight = None if since is None else clock.local_midnight(day, settings.TIME_ZONE) - timedelta(hours=1)
    return rows(query, [first, first_key_at(midnight), first])


@invariant("I-62-words", "the words of a list are those that were said")
def words_are_what_was_said(now: datetime) -> Iterable[Breach]:
    """Lists of which a sheet is gone, or holds other words than its digest says; the trail says the digest (I-62)."""
    lists = WordList.objects.order_by("pk").values_list("code", "words_digest", "allowed_digest")
    said = {code: {words, allowed} for code, words, allowed in lists}
    sheets = WordSheet.objects.filter(digest__in=set().union(*said.values())).iterator(chunk_size=1)
    whole = {sheet.digest for sheet in sheets if digest_of(sheet.words) == sheet.digest}
    for code, digests in said.items():
        if digests - whole:
            yield Breach(f"word list {code}", "its words are not those of its digests")
