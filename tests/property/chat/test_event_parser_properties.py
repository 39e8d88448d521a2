"""However a network cuts a stream, its events are the same, and nothing in it is believed."""

import json

from hypothesis import given
from hypothesis import strategies as st

from apps.chat.engine import deltas, documents
from apps.chat.engine.answer_text import AnswerText
from apps.chat.engine.event_parser import Event, EventParser, EventTooLong
from apps.chat.engine.upstream_errors import UpstreamError
from apps.chat.words.lexicon import EMPTY

fragments = (
    b"data:", b"data: ", b"data", b"event: error", b"id: 1", b":", b": ping", b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r",
    b"\xef\xbb\xbf", b"\xe4\xbd\xa0", b"\xe4", b"\xff", "\u2028".encode(), b"[DONE]", b"{}", b" ", b"\x00", b"text",
)  # fmt: skip
streams = st.lists(st.sampled_from(fragments) | st.binary(max_size=3), max_size=30).map(b"".join)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    ("choices", "delta", "message", "content", "refusal", "reasoning_content", "finish_reason", "usage",
     "completion_tokens", "prompt_tokens", "error", "code", "type", "param", "text", "thinking", "summary",
     "reasoning_details")
)  # fmt: skip
chunks = st.recursive(
    anything,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
    max_leaves=12,
)
surrogates = st.text(st.characters() | st.characters(categories=["Cs"]), max_size=8)


def events(*pieces: bytes) -> list[Event]:
    parser = EventParser()
    return [event for piece in pieces for event in parser.feed(piece)]


@given(stream=streams)
def test_every_place_to_cut_gives_the_same_events(stream: bytes) -> None:
    whole = events(stream)

    assert all(events(stream[:cut], stream[cut:]) == whole for cut in range(len(stream) + 1))
    assert events(*(stream[at : at + 1] for at in range(len(stream)))) == whole


@given(stream=streams, limit=st.integers(1, 40))
def test_what_is_held_never_exceeds_the_limit(stream: bytes, limit: int) -> None:
    bounded = EventParser(max_bytes=limit)
    try:
        found = [event for at in range(len(stream)) for event in bounded.feed(stream[at : at + 1])]
    except EventTooLong:
        return
    assert all(len(event.data.encode()) <= 3 * limit for event in found)


@given(chunk=chunks)
def test_json_of_any_shape_is_a_delta_or_a_known_refusal(chunk: object) -> None:
    try:
        delta = deltas.Pieces().read(json.dumps(chunk))
    except (documents.Unreadable, UpstreamError):
        return
    assert isinstance(delta.text, str)
    assert isinstance(delta.reasoning, str)
    assert len(delta.finish_reason) <= 40
    assert all(count is None or type(count) is int for count in (delta.prompt_tokens, delta.completion_tokens))


@given(pieces=st.lists(surrogates, max_size=6), limit=st.integers(0, 30))
def test_an_answer_is_always_text_within_its_limit(pieces: list[str], limit: int) -> None:
    answer = AnswerText(max_chars=limit, lexicon=lambda: EMPTY)
    for piece in pieces:
        answer.add(piece)

    assert len(str(answer)) == answer.length <= limit
    assert "\x00" not in str(answer)
    assert str(answer).encode().decode() == str(answer)


@given(text=st.text(max_size=20), cut=st.integers(0, 40))
def test_a_character_cut_into_halves_is_put_together(text: str, cut: int) -> None:
    halves = text.replace("\x00", "").encode("utf-16-le")
    cut -= cut % 2
    answer = AnswerText(max_chars=100, lexicon=lambda: EMPTY)

    answer.add(halves[:cut].decode("utf-16-le", "surrogatepass"))
    answer.add(halves[cut:].decode("utf-16-le", "surrogatepass"))

    assert str(answer) == halves.decode("utf-16-le")
