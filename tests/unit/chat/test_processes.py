"""Processes that are kept: asked again and again, started again, and alone with what they do to themselves."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.chat.contracts import Tokenizer
from apps.chat.gateways.processes import KeptProcess, ProcessEnded, run_once

COUNTED = {"by": Tokenizer.CL100K.value, "texts": ["hello world"]}


@pytest.fixture
def kept() -> Iterator[KeptProcess]:
    kept = KeptProcess("apps.chat.gateways.counting", is_killed=True)
    yield kept
    kept.end()


def test_one_is_kept_until_it_ends(kept: KeptProcess) -> None:
    assert kept.pid is None
    assert [kept.ask(COUNTED) for _ in range(2)] == [[2], [2]]
    first = kept.pid

    assert kept.end() == signal.SIGKILL
    assert kept.pid is None
    assert kept.end() == 0
    assert kept.ask(COUNTED) == [2]
    assert kept.pid not in {None, first}


def test_its_end_is_told_with_its_signal() -> None:
    kept = KeptProcess("apps.chat.gateways.counting")
    kept.ask(COUNTED)
    assert kept.pid is not None
    os.kill(kept.pid, signal.SIGTERM)

    with pytest.raises(ProcessEnded) as end:
        kept.read(1)

    assert end.value.by_signal == signal.SIGTERM
    assert kept.end() == 0  # it knows that none runs


def test_it_is_told_no_secret_of_ours(kept: KeptProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALING_KEY", "a secret")
    kept.ask(COUNTED)

    assert Path(f"/proc/{kept.pid}/environ").read_bytes() == b"PYTHONUTF8=1\x00"


def test_one_that_is_run_once_fails_aloud() -> None:
    with tempfile.TemporaryFile() as said, pytest.raises(subprocess.CalledProcessError):
        run_once("apps.chat.no_such_module", asked=b"", said=said, seconds=60)
