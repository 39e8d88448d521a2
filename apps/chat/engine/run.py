"""One generation from its claim to its settlement."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.conf import settings

from apps.chat import rules
from apps.chat.contracts import (
    CleanPicture,
    GenerationState,
    Job,
    ModelKind,
    Outcome,
    Target,
    TextDirection,
    ToolCall,
    WordsFound,
)
from apps.chat.engine import transport
from apps.chat.engine.answer_text import AnswerText
from apps.chat.engine.attempts import Attempts
from apps.chat.engine.feed import Feeder, Piece
from apps.chat.engine.logprobs import Logprobs
from apps.chat.engine.moderation import Looked, Moderation
from apps.chat.engine.service_calls import ServiceCalls
from apps.chat.engine.tool_calls import ToolCalls, look_through, passes
from apps.chat.engine.upstream_errors import BROKEN, CONTEXT_FULL, REQUEST_REFUSED, UpstreamError, silent_failure
from apps.chat.registries import Connection, Delta
from apps.chat.rules import limits
from apps.chat.rules.tool_use import may_be_called
from apps.chat.words.lexicon import Lexicon
from apps.kernel.characters import show_something

logger = logging.getLogger(__name__)

# The first piece goes at once; what arrives within this time after one goes together: fast enough for the eye, few
# enough for the wire.
_COALESCE_SECONDS = 0.04
_SAVE_SECONDS = 1.0
# A save writes the whole text: longer texts are saved less often, so that no answer writes more than this.
_SAVED_CHARS_PER_SECOND = 8_000
_RENEW_SECONDS = 5.0
# Events in a row that add nothing: no answer is so long in coming, and each takes time from the others.
_MAX_IDLE_EVENTS = 100_000
# Behind a Stop the provider is heard for so long, for what it counts. The owner of the answer waits for it, too.
_DRAIN_SECONDS = 1.0
# What it looks like here when whoever wrote the answer died.
_LOOKS_LIKE_DEATH = {"upstream_cut", "upstream_unreachable"}


class Run:
    """Streams one job, feeds its readers, saves its text, and ends it once."""

    def __init__(
        self,
        job: Job,
        *,
        services: ServiceCalls,
        channels: Mapping[str, Connection],
        feeder: Feeder,
        lexicon: Callable[[], Lexicon],
        has_room: Callable[[Target], bool],
        moderation: Moderation,
    ) -> None:
        self.job = job
        self._services = services
        self._attempts = Attempts(job, channels=channels, services=services, has_room=has_room)
        self._feeder = feeder
        self._text = AnswerText(max_chars=_most_chars(job), lexicon=lexicon)
        self._reasoning = AnswerText(max_chars=_most_chars(job), lexicon=lexicon)
        self._lexicon = lexicon
        self._calls = ToolCalls(max_chars=_most_chars(job), are_wanted=may_be_called(job.options))
        self._has_refused_calls = False
        self._logprobs = Logprobs()
        self._outputs: tuple[bytes, ...] = ()
        self._pictures: tuple[CleanPicture, ...] = ()
        self._moderation = moderation
        self._asked = Looked()
        self._finish_reason = ""
        self._was_taken = False
        self._usage = Delta()
        self._news = asyncio.Event()
        self._begun_at = asyncio.get_running_loop().time()
        self._first_output_at: float | None = None
        # Why reading was cancelled, when it was.
        self._end: GenerationState | None = None
        self._reading = asyncio.create_task(self._read())

    @property
    def generation_id(self) -> UUID:
        """The generation that this run writes."""
        return self.job.generation_id

    @property
    def channel(self) -> str:
        """The code of the channel that is asked now."""
        return self._attempts.target.channel

    def stop(self) -> None:
        """End the answer here: its owner wants no more of it. What it took may still be told, for a moment."""
        if self._end is not None or self._reading.done():
            return
        self._end = GenerationState.STOPPED
        is_awaited = bool(self._text.length or self._reasoning.length or self._calls) and self._usage == Delta()
        asyncio.get_running_loop().call_later(_DRAIN_SECONDS if is_awaited else 0, self._reading.cancel)

    def interrupt(self) -> None:
        """End the answer here: the engine is going down."""
        self._cancel(GenerationState.INTERRUPTED)

    async def carry_out(self) -> None:
        """Do the whole job. Never raises for what upstream, Redis or a stop may do."""
        feeding = asyncio.create_task(self._feed())
        saver = asyncio.create_task(self._save())
        try:
            outcome = await self._outcome()
        finally:
            saver.cancel()
            feeding.cancel()
            await asyncio.gather(saver, feeding, return_exceptions=True)
        code = outcome.error_code or ("stopped" if outcome.state is GenerationState.STOPPED else "")
        await self._services.finish_run(self.job, outcome, self._attempts.note(code))

    def _cancel(self, end: GenerationState) -> None:
        if self._end is None:
            self._end = end
        self._reading.cancel()

    async def _read(self) -> None:
        if self.job.budget_tokens is not None:
            self.job = await self._services.fit_job(self.job)
            self._attempts.ask_for(self.job)
        asked = f"{self.job.new_text}\n\n{rules.text_of_options(self.job.options)}".rstrip()
        self._asked = await self._moderation.look(asked, TextDirection.QUESTION)
        if self._asked.error_code:
            return
        async with asyncio.timeout(limits.MAX_ANSWER_SECONDS), aclosing(self._attempts.deltas()) as answer:
            idle = 0
            async for delta in answer:
                if self._end is not None:
                    # Stopped: of what still comes only its counts are of interest.
                    if delta.is_told:
                        self._usage = delta
                        return
                    continue
                # A chunk that only says why nothing comes holds no event of an answer.
                self._was_taken = self._was_taken or delta.events > 0
                idle = 0 if self._take(delta) else idle + delta.events
                if self._is_cut:
                    return
                if self._text.is_full or self._calls.is_full or self._is_beyond_its_price:
                    self._finish_reason = "length"
                    return
                if idle > _MAX_IDLE_EVENTS:
                    raise UpstreamError("upstream_garbled", "more events that add nothing than any answer has")

    def _take(self, delta: Delta) -> bool:
        """Whether there is more of the answer now, of a call in it, or more thought."""
        if delta.finish_reason:
            self._finish_reason = delta.finish_reason
        self._count(delta)
        if delta.logprobs:
            self._logprobs.add(delta.logprobs)
        has_more_thought = self._reasoning.add(delta.reasoning)
        # What came together with thoughts that end the answer is nobody's either.
        has_more_text = not self._is_cut and self._text.add(delta.text)
        if has_more_thought or has_more_text:
            self._news.set()
        # Calls are handed out whole, at the end.
        has_more = (bool(delta.calls) and self._calls.add(delta.calls)) or has_more_thought or has_more_text
        if delta.outputs:
            # Whole, and all of them: whoever reads them from a channel says so.
            self._outputs = delta.outputs
            has_more = True
        if delta.pictures:
            self._pictures += delta.pictures
            has_more = True
        if has_more and self._first_output_at is None:
            self._first_output_at = asyncio.get_running_loop().time()
        return has_more

    def _count(self, delta: Delta) -> bool:
        """Whether the provider says what the answer took, up to here: what it said before more words is no count."""
        if delta.is_told:
            self._usage = delta
        elif delta.has_words and delta.events:
            self._usage = Delta()
        return delta.is_told

    @property
    def _is_cut(self) -> bool:
        """Whether operators' words ended the answer, or the thoughts before it."""
        return self._text.is_cut or self._reasoning.is_cut or self._has_refused_calls

    async def _called(self) -> tuple[tuple[ToolCall, ...], tuple[WordsFound, ...]]:
        """The calls of an answer that came to its end, and what was found in them; none of any other."""
        if self._is_cut or not self._finish_reason or self._finish_reason in BROKEN | rules.FILTERED:
            return (), ()
        calls = self._calls.whole(is_cut=self._finish_reason in {"length", CONTEXT_FULL})
        are_let_through, found = await look_through(calls, self._lexicon)
        self._has_refused_calls = not are_let_through
        return calls if are_let_through else (), found

    async def _drawn(self) -> tuple[tuple[CleanPicture, ...], tuple[WordsFound, ...]]:
        """The pictures, with what their model made of the prompt where operators' words let that through as it is."""
        drawn: list[CleanPicture] = []
        found: tuple[WordsFound, ...] = ()
        for picture in self._pictures:
            is_let_through, of_it = await passes(picture.revised_prompt, self._lexicon)
            drawn.append(picture if is_let_through else replace(picture, revised_prompt=""))
            found += of_it
        return tuple(drawn), found

    async def _likely(self) -> tuple[Mapping[str, Any], ...]:
        """How likely its tokens were, of an answer that came to its end as its model wrote it."""
        if self._is_cut or not self._finish_reason or self._finish_reason in BROKEN | rules.FILTERED:
            return ()
        return await self._logprobs.shown(self._text.found + self._reasoning.found, self._lexicon)

    @property
    def _is_beyond_its_price(self) -> bool:
        """Whether the channel gives more than was asked for and set aside: some do not limit thoughts, or nothing."""
        most = self.job.most_output_tokens
        # Counting takes longer than all else that is done with a word, so only where it may matter.
        if most is None or self._most_tokens < most:
            return False
        return self._text.tokens + self._reasoning.tokens + self._calls.tokens >= most

    @property
    def _most_tokens(self) -> int:
        """As many as what came can be, by our count."""
        return rules.MOST_TOKENS_PER_SIGN * (self._text.length + self._reasoning.length) + self._calls.tokens

    async def _outcome(self) -> Outcome:
        await asyncio.wait([self._reading])
        ended_at = asyncio.get_running_loop().time()
        self._text.end()
        self._reasoning.end()
        text = str(self._text)
        calls, found_in_calls = await self._called()
        logprobs = await self._likely()
        pictures, found_in_prompts = await self._drawn()
        said_beside = (*(call.arguments for call in calls), *(each.revised_prompt for each in pictures))
        answered, all_said = Looked(), "\n".join((text, *said_beside)).strip()
        if all_said and self._end is not GenerationState.INTERRUPTED:
            answered = await self._moderation.look(all_said, TextDirection.ANSWER)
        has_beside = bool(calls or self._outputs or pictures)
        state, error_code = self._how_it_ended(has_text=show_something(text), has_beside=has_beside)
        stored = await self._services.store_made(pictures) if pictures and error_code not in rules.OURS else ()
        if stored is None:
            state, error_code, stored = GenerationState.FAILED, rules.INTERNAL, ()
        asked = self._attempts.asked
        counts = await self._exact_counts(text, calls, state)
        if self._was_taken and error_code in _LOOKS_LIKE_DEATH and await self._died_with_us():
            error_code = rules.ENGINE_LOST
        return Outcome(
            state=state,
            text=text,
            reasoning=str(self._reasoning),
            calls=calls,
            logprobs=logprobs,
            outputs=self._outputs,
            pictures=stored,
            finish_reason=self._finish_reason,
            error_code=error_code,
            error_param=self._refused_param(error_code),
            reported=self._usage.reported,
            asked_tokens=self._asked_tokens,
            exact_input=counts and counts[0],
            exact_kept=counts and counts[1],
            route_id=None if asked is None else asked.route_id,
            first_output_ms=self._ms_until(self._first_output_at),
            latency_ms=self._ms_until(ended_at),
            # A question that was under way when its owner stopped it may have been taken.
            was_taken=self._was_taken or (state is GenerationState.STOPPED and asked is not None),
            found=self._text.found + self._reasoning.found + found_in_calls + found_in_prompts + answered.found,
            found_in_question=self._asked.found,
        )

    async def _exact_counts(
        self, text: str, calls: tuple[ToolCall, ...], state: GenerationState
    ) -> tuple[int, int] | None:
        """Our counts of what was asked and kept, where somebody pays by them: of whole answers providers tell."""
        is_told = self._usage.has_usage and rules.is_whole(state=state, finish_reason=self._finish_reason)
        is_paid = self.job.most_output_tokens is not None and (text or self._reasoning.length or calls)
        if is_told or not is_paid or self.job.tokenizer is None or self._end is GenerationState.INTERRUPTED:
            return None
        return await self._services.count_answer(self.job, texts=(text, str(self._reasoning)), calls=calls)

    def _refused_param(self, error_code: str) -> str:
        """Which parameter the provider would not take, if that is what is wrong and it named one."""
        error = None if self._reading.cancelled() else self._reading.exception()
        if error_code != REQUEST_REFUSED or not isinstance(error, UpstreamError):
            return ""
        return rules.named_part(error.param)

    @property
    def _asked_tokens(self) -> int:
        """Our count of what was asked; 0 where it was counted when it was, and may be long."""
        if self.job.kind is not ModelKind.TEXT:
            return 0
        return rules.asked_tokens(self.job.turns) + rules.option_tokens(self.job.options)

    def _ms_until(self, moment: float | None) -> int | None:
        return None if moment is None else round((moment - self._begun_at) * 1000)

    def _how_it_ended(self, *, has_text: bool, has_beside: bool) -> tuple[GenerationState, str]:
        """The state and, when something is wrong, its code. What happens behind a finish_reason changes nothing.

        `has_beside` says whether there is anything but text: calls, or what is no text at all.
        """
        if self._asked.error_code:
            return GenerationState.FAILED, self._asked.error_code
        if self._is_cut:
            # As a provider says it that ends an answer so; the code tells that it was not one.
            self._finish_reason = "content_filter"
            return GenerationState.FINISHED if has_text else GenerationState.FAILED, rules.ANSWER_FILTERED
        error = None if self._reading.cancelled() else self._reading.exception()
        if self._finish_reason:
            error = None
        elif self._end is GenerationState.STOPPED or self._reading.cancelled():
            state = self._end or GenerationState.INTERRUPTED
            return state, "" if state is GenerationState.STOPPED else rules.ENGINE_LOST
        error_code = _error_code(error) or silent_failure(self._finish_reason, has_output=has_text or has_beside)
        if not error_code:
            if self._finish_reason == CONTEXT_FULL:
                self._finish_reason = "length"
            return GenerationState.FINISHED, ""
        detail = error.detail if isinstance(error, UpstreamError) else ""
        logger.warning("generation %s on channel %s: %s (%s)", self.generation_id, self.channel, error_code, detail)
        return GenerationState.INTERRUPTED if has_text or has_beside else GenerationState.FAILED, error_code

    async def _died_with_us(self) -> bool:
        """Whether the channel was the model server of our own site, which is gone; any other's death is its own."""
        url = self._attempts.target.base_url
        return rules.is_our_own(url, own=settings.OWN_MODELS_URL) and await transport.is_deserted(url)

    async def _feed(self) -> None:
        """Hand new text, and new thoughts, to the readers."""
        sent = thought = 0
        while True:
            await self._news.wait()
            self._news.clear()
            text, thoughts = self._text, self._reasoning
            piece = Piece(text.since(sent), text.length, thoughts.since(thought), thoughts.length)
            sent, thought = text.parts, thoughts.parts
            self._feeder.put(self.generation_id, piece)
            await asyncio.sleep(_COALESCE_SECONDS)

    async def _save(self) -> None:
        """Save the text about once a second, and renew the lease when there is none."""
        loop = asyncio.get_running_loop()
        saved, saved_at, renewed_at = 0, loop.time(), loop.time()
        while True:
            await asyncio.sleep(_SAVE_SECONDS)
            now, length = loop.time(), self._text.length
            is_due = length > saved and now - saved_at >= length / _SAVED_CHARS_PER_SECOND
            if not is_due and now - renewed_at < _RENEW_SECONDS:
                continue
            # A failing database is retried every second, for as long as nobody else settles the answer.
            text, route_id = str(self._text) if is_due else None, self._attempts.target.route_id
            is_kept = await self._services.keep_text(self.job, text, route_id=route_id)
            if is_kept is False:
                logger.warning("generation %s: lease lost, somebody else settled it", self.generation_id)
                self._cancel(GenerationState.INTERRUPTED)
                return
            if is_kept:
                renewed_at = loop.time()
                saved, saved_at = (length, renewed_at) if is_due else (saved, saved_at)


def _most_chars(job: Job) -> int:
    """As long as an answer may be, whatever comes in one piece: no token that is paid has more than three signs."""
    most = job.most_output_tokens
    return limits.MAX_ANSWER_CHARS if most is None else min(limits.MAX_ANSWER_CHARS, 3 * most)


def _error_code(error: BaseException | None) -> str:
    if error is None:
        return ""
    if isinstance(error, UpstreamError):
        return error.code
    if isinstance(error, TimeoutError):
        return "upstream_timeout"
    logger.error("a generation failed unexpectedly", exc_info=error)
    return rules.INTERNAL
