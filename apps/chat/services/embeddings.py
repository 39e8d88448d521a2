"""Embeddings for programs: asked as any question is, handed out once."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from apps.accounts.contracts import IdentifiedKey
from apps.chat import rules, selectors
from apps.chat.contracts import ModelKind, Vectors
from apps.chat.models import AnswerVectors
from apps.chat.rules import embeddings
from apps.chat.rules.admission import rate_of
from apps.chat.rules.embeddings import NUMBER_BYTES, EmbeddingAsked
from apps.chat.services import paying, starting
from apps.chat.services.chain import asking
from apps.chat.services.starting import Started
from apps.chat.services.word_lists import sifting
from apps.kernel.ids import UserId

# Whoever asked waits for them, and takes them at once.
_LEFT_BEHIND_AFTER = timedelta(minutes=10)
_WANTED = frozenset({ModelKind.EMBEDDING})


def start_embeddings(*, asked: EmbeddingAsked, key: IdentifiedKey, address: str, now: datetime) -> Started:
    """Have a model turn texts into vectors; each call starts and pays another.

    Paid by the token of what is read; a free use of the day pays for none. `asked` is what read_embedding() gave,
    `address` the visitor's, "" for nobody's. Raises ChatSwitchedOff, ModelEmbedsNothing, RequestTooLong, and
    what start_generation() raises of the chain of rules and of accounts.
    """
    turns = (embeddings.turn_of_inputs(asked.inputs),)
    # Before anything is locked: there may be much to look through, and to count.
    sift, tokens = sifting(turns), embeddings.input_tokens(asked.inputs)
    question = starting.Asking(
        user_id=key.user_id, model=asked.model, key=key, address=address, sift=sift, wanted=_WANTED, now=now
    )
    with asking(user_id=key.user_id, key=key, now=now) as lately, transaction.atomic():
        asker = starting.admit(question, turns=turns, lately=lately)
        embeddings.check_fit(tokens, budget_tokens=asker.facts.model.context_tokens)
        asks = paying.Asks(question_tokens=sum(tokens), branch_tokens=sum(tokens), most_output_tokens=1)
        (row,) = paying.paid_generations(asker, asks)
        paying.check_room(asker)
        row.request = rules.request_of(asker.question.turns)
        row.options = None if asked.dimensions is None else {"dimensions": asked.dimensions}
        token_rate = starting.queue(row, asker=asker)
    return Started(generations=(selectors.generation_detail(row),), rate=rate_of(asker.question), token_rate=token_rate)


def take_vectors(*, user_id: UserId, generation_id: UUID) -> Vectors | None:
    """What came of it, for whoever asked: once, then nothing is kept of it."""
    with transaction.atomic():
        rows = AnswerVectors.objects.filter(pk=generation_id, generation__user_id=user_id)
        row = rows.select_for_update(of=("self",)).first()
        if row is None:
            return None
        row.delete()
    length = row.dimensions * NUMBER_BYTES
    data = bytes(row.data)
    return Vectors(dimensions=row.dimensions, rows=tuple(data[at : at + length] for at in range(0, len(data), length)))


def forget_vectors(*, now: datetime) -> int:
    """Remove vectors for which nobody has come; how many answers' they were."""
    return AnswerVectors.objects.filter(created_at__lt=now - _LEFT_BEHIND_AFTER).delete()[0]
