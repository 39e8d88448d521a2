"""A member's own data as one zip of JSON files; every app adds the files that it can tell."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from tempfile import SpooledTemporaryFile
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from django.core.serializers.json import DjangoJSONEncoder

from apps.accounts import rules, selectors
from apps.accounts.contracts import Export, FilesExport
from apps.accounts.services.persons import kept_for, person_of
from apps.kernel import limits
from apps.kernel.ids import UserId

# A larger zip is written to a file that has no name and goes when it is closed.
IN_MEMORY_BYTES = 1_000_000
_CHUNK = 200

_exports: dict[str, Export] = {}
_files: dict[str, FilesExport] = {}


def register_export(name: str, export: Export) -> None:
    """Put `export` into every member's zip as <name>.json; called in AppConfig.ready() of the app that owns the rows.

    Raises ValueError if another export has the name.
    """
    if _exports.setdefault(name, export) is not export:
        raise ValueError(f"the export {name!r} is taken")


def register_export_files(folder: str, export: FilesExport) -> None:
    """Put the files that `export` gives, each with its name, into this folder of every member's zip.

    Raises ValueError if another export has the folder.
    """
    if _files.setdefault(folder, export) is not export:
        raise ValueError(f"the folder {folder!r} is taken")


def export_own_data(*, user_id: UserId, now: datetime) -> IO[bytes]:
    """A zip with one JSON list per registered name and folders of files, at its beginning; the caller closes it.

    Rows go from the database to the zip a few at a time, so memory does not grow with the amount.
    Raises MemberNotFound, RateLimited.
    """
    limits.hit(f"export:{person_of(user_id=user_id)}", limit=rules.EXPORTS_PER_DAY, window=timedelta(days=1), now=now)
    file = SpooledTemporaryFile[bytes](max_size=IN_MEMORY_BYTES)  # the caller's to close
    try:
        with ZipFile(file, "w", ZIP_DEFLATED) as archive:
            for name, export in _exports.items():
                with archive.open(f"{name}.json", "w", force_zip64=True) as member:
                    member.writelines(_json_list(export(user_id=user_id)))
            for folder, files in _files.items():
                for name, content in files(user_id=user_id):
                    # Packed already, as pictures are.
                    archive.writestr(f"{folder}/{name}", content, ZIP_STORED)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _json_list(rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """One row per line: still JSON, and readable by people."""
    separator = "["
    for row in rows:
        yield f"{separator}\n{json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False)}".encode()
        separator = ","
    yield b"[]\n" if separator == "[" else b"\n]\n"


def _profile(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    profile = selectors.as_profile(selectors.user(user_id))
    yield {
        "id": profile.id,
        "nickname": profile.nickname,
        "avatar": profile.avatar,
        "status": profile.status,
        "language": profile.language,
        "created_at": profile.created_at,
    }


def _wechat(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    for identity in selectors.identities_of(user_id):
        yield {
            "openid_ends_with": identity.openid[-4:],
            "is_following": identity.is_following,
            "first_seen_at": identity.created_at,
        }


def _person(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    person = selectors.user_with_person(user_id).person
    yield {
        "first_seen_at": person.created_at,
        "is_recognised": person.key_hash is not None,
        "recognised_for_days_after_closing": kept_for().days,
    }


def _sessions(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    rows = selectors.live_sessions(user_id).order_by("pk")
    yield from rows.values("id", "method", "browser", "network", "created_at", "last_seen_at").iterator(_CHUNK)


def _logins(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    rows = selectors.logins_of(user_id).order_by("pk")
    yield from rows.values("id", "method", "outcome", "browser", "network", "created_at").iterator(_CHUNK)


def _api_keys(*, user_id: UserId) -> Iterator[Mapping[str, Any]]:
    for row in selectors.live_keys(user_id).order_by("pk"):
        yield asdict(selectors.as_key(row))


register_export("profile", _profile)
register_export("wechat", _wechat)
register_export("person", _person)
register_export("sessions", _sessions)
register_export("logins", _logins)
register_export("api_keys", _api_keys)
