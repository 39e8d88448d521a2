"""What is deleted from the embedded database is gone from its file."""

import sqlite3
from pathlib import Path

import pytest

from config import stores

SECRET = b"a text that nobody may read any more"


def test_deleted_texts_do_not_stay_in_free_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.sqlite3"
    monkeypatch.delenv("DATABASE_URL", raising=False)
    connection = sqlite3.connect(path)
    connection.executescript(stores.database(default_url=f"sqlite:///{path}")["OPTIONS"]["init_command"])
    connection.execute("CREATE TABLE t (x TEXT)")
    connection.executemany("INSERT INTO t VALUES (?)", [(SECRET.decode() * 50,)] * 20)
    connection.commit()
    connection.execute("DELETE FROM t")
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    assert SECRET not in path.read_bytes()
