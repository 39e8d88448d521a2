"""Who may draw at the same moment."""

from contextlib import ExitStack
from uuid import uuid4

import pytest

from apps.chat.errors import PicturesTakeTurns
from apps.chat.imaging.places import Places
from apps.kernel.errors import Busy
from apps.kernel.ids import UserId

ALICE, BOB, CAROL = UserId(uuid4()), UserId(uuid4()), UserId(uuid4())


def test_a_member_has_so_many_and_all_together_so_many() -> None:
    places = Places(3, each=2, waiting=0)
    with ExitStack() as taken:
        for member in (ALICE, ALICE, BOB):
            taken.enter_context(places.of(member))

        with pytest.raises(PicturesTakeTurns), places.of(ALICE):
            pass
        with pytest.raises(Busy), places.of(CAROL):
            pass

    with places.of(ALICE), places.of(ALICE), places.of(CAROL):
        pass


def test_who_fails_with_a_place_gives_it_back() -> None:
    places = Places(1, each=1, waiting=0)
    for _ in range(2):
        with pytest.raises(OSError, match="full"), places.of(ALICE):
            raise OSError("full")
