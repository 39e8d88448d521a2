"""Server-sent events as the standard says, and bounded."""

import pytest

from apps.chat.engine.event_parser import Event, EventParser, EventTooLong


def events(*chunks: bytes) -> list[Event]:
    parser = EventParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


def data(*chunks: bytes) -> list[str]:
    return [event.data for event in events(*chunks)]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_lines_end_at_three_things(end: bytes) -> None:
    assert data(b"data: a" + end + end + b"data: b" + end + end) == ["a", "b"]


def test_no_other_character_ends_a_line() -> None:
    text = "a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg"

    assert data(f"data: {text}\n\n".encode()) == [text]


def test_a_line_end_may_come_in_two_chunks() -> None:
    assert data(b"data: a\r", b"\n", b"\r\n") == ["a"]
    assert data(b"data: a\r", b"", b"\n\r", b"\ndata: b\r\n\r\n") == ["a", "b"]
    assert data(b"data: a\r", b"\rdata: b\r", b"\r") == ["a", "b"]


def test_several_data_lines_are_one_event() -> None:
    assert data(b"data: a\ndata:\ndata: b\n\n") == ["a\n\nb"]


def test_fields_have_one_space_to_spare_and_perhaps_no_colon() -> None:
    assert data(b"data:a\n\ndata:  b\n\ndata\n\n") == ["a", " b", ""]


def test_comments_other_fields_and_empty_events_are_not_data() -> None:
    assert events(b": keep-alive\n\nid: 7\nretry: 5\nunknown: x\n\nevent: error\ndata: a\n\ndata: b\n\n") == [
        Event("error", "a"),
        Event("", "b"),
    ]


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    assert data(b"\xef", b"\xbb\xbfdata: a\n\n") == ["a"]
    assert data("data: \ufeffa\n\n".encode()) == ["\ufeffa"]


def test_a_character_may_come_in_pieces_and_broken_ones_are_replaced() -> None:
    assert data(b"data: \xe4\xbd", b"\xa0\xff\n\n") == ["你\ufffd"]


def test_an_event_that_nothing_ends_is_none() -> None:
    assert data(b"data: a\n\ndata: b\n") == ["a"]


@pytest.mark.parametrize(
    "chunk", [b"data: " + b"x" * 101, b"data: xxxxxx\n" * 20, b": " + b"x" * 101, b"data\n" * 200], ids=repr
)
def test_more_than_agreed_is_refused(chunk: bytes) -> None:
    with pytest.raises(EventTooLong):
        list(EventParser(max_bytes=100).feed(chunk))


def test_what_comes_before_too_much_is_given() -> None:
    found = EventParser(max_bytes=100).feed(b"data: a\n\n" + b"x" * 200)

    assert next(found).data == "a"
    with pytest.raises(EventTooLong):
        next(found)


def test_many_small_events_and_comments_never_add_up() -> None:
    parser = EventParser(max_bytes=100)

    assert len([event for _ in range(50) for event in parser.feed(b": still here\ndata: hello\n\n")]) == 50
