"""Pieces of an answer as they go through Redis."""

import pytest

from apps.chat.engine.feed import Piece, read


@pytest.mark.parametrize(
    "piece",
    [
        Piece("你好 world", 8),
        Piece("", 0, "six by ", 7),
        Piece("42", 2, "", 14),
        Piece("4 2", 3, "七 \n 8", 20),
        Piece("+1 2 3", 6),
        Piece("end", 3),
    ],
)
def test_what_is_published_is_what_is_read(piece: Piece) -> None:
    assert read(piece.written()) == piece


def test_a_piece_without_thoughts_is_written_as_it_always_was() -> None:
    assert Piece("for it", 11).written() == b"11 for it"


def test_pieces_that_wait_go_together() -> None:
    both = Piece("", 0, "six ", 4).then(Piece("42", 2, "by seven", 12))

    assert both == Piece("42", 2, "six by seven", 12)
    assert (both.start, both.thought_start) == (0, 0)
