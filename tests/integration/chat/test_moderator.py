"""Somebody else looks at questions and answers, after the operators' words: the sandbox's moderator, over HTTP."""

import logging
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings

from apps.accounts.contracts import Member
from apps.chat import services
from apps.chat.contracts import GenerationState
from apps.chat.models import AnswerUsage, Attempt, ChannelHealth, Generation
from apps.kernel import clock
from tests.integration.chat.conftest import EngineThread, ail, send, settled
from tests.integration.chat.test_word_lists import hits
from tests.integration.chat.upstream import Upstream, answer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def moderated(monkeypatch: pytest.MonkeyPatch, site: str) -> Iterator[Callable[..., None]]:
    """Starts an engine that asks the sandbox's moderator."""
    engine = EngineThread()

    def begin(*, on_failure: str = "pass") -> None:
        monkeypatch.setattr(settings, "MODERATION_URL", f"{site}/sandbox/moderator/v1/look")
        monkeypatch.setattr(settings, "MODERATION_KEY", settings.SANDBOX["MODEL_API_KEY"])
        monkeypatch.setattr(settings, "MODERATION_SECONDS", 1)
        monkeypatch.setattr(settings, "MODERATION_ON_FAILURE", on_failure)
        engine.start()

    yield begin
    engine.end()


def test_what_a_moderator_refuses_is_not_asked_and_costs_nothing(
    rich_alice: Member, upstream: Upstream, moderated: Callable[..., None]
) -> None:
    ail("test")
    moderated()

    done, text = settled(rich_alice.id, send(rich_alice.id, "please ⟦refuse⟧ this").generation.id)

    assert (done.state, done.error_code, text) == (GenerationState.FAILED, "question_refused", "")
    assert (done.charged_milli, upstream.requests) == (0, [])
    assert services.quota_of(user_id=rich_alice.id, now=clock.now()).held_milli == 0
    assert Generation.objects.get().unpaid_day is None
    assert hits() == [("moderator", "reject", "question", 1, True)]
    # Nobody was asked: no attempt says so, no usage, and nothing is heard of a channel that ailed.
    assert not Attempt.objects.exists()
    assert AnswerUsage.objects.get().route is None
    assert ChannelHealth.objects.get().failures == 1


def test_what_it_finds_fine_is_asked_and_an_answer_that_it_refuses_is_recorded(
    rich_alice: Member, upstream: Upstream, moderated: Callable[..., None]
) -> None:
    moderated()
    upstream.scripts["up-base"] = answer("this is ⟦refuse⟧d")

    done, text = settled(rich_alice.id, send(rich_alice.id).generation.id)

    assert (done.state, text) == (GenerationState.FINISHED, "this is ⟦refuse⟧d")
    assert hits() == [("moderator", "flag", "answer", 1, True)]


@pytest.mark.parametrize("sign", ["⟦silent⟧", "⟦broken⟧", "⟦garbled⟧"])
@pytest.mark.parametrize("on_failure", ["pass", "refuse"])
def test_a_moderator_that_cannot_be_asked_is_told_and_what_then_is_a_setting(  # noqa: PLR0917  # fixtures
    rich_alice: Member,
    upstream: Upstream,
    moderated: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
    sign: str,
    on_failure: str,
) -> None:
    state, code, action = {
        "pass": (GenerationState.FINISHED, "", "flag"),
        "refuse": (GenerationState.FAILED, "moderator_silent", "reject"),
    }[on_failure]
    moderated(on_failure=on_failure)
    upstream.scripts["up-base"] = answer("fine")

    with caplog.at_level(logging.WARNING):
        done, _ = settled(rich_alice.id, send(rich_alice.id, f"a {sign} question").generation.id)

    assert (done.state, done.error_code, done.charged_milli) == (state, code, 0 if code else 1000)
    assert hits() == [("moderator-silent", action, "question", 1, True)]
    assert "the moderator could not be asked" in caplog.text
    assert sign not in caplog.text


def test_without_an_address_nobody_is_asked(rich_alice: Member, upstream: Upstream, engine: EngineThread) -> None:
    upstream.scripts["up-base"] = answer("fine")

    done, _ = settled(rich_alice.id, send(rich_alice.id, "⟦refuse⟧").generation.id)

    assert done.state is GenerationState.FINISHED
    assert hits() == []
