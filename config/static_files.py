"""Static files: named by what is in them, so that a browser keeps them for ever, and compressed once."""

import hashlib
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from whitenoise.storage import CompressedManifestStaticFilesStorage

# Of apps that have pages which this site does not show.
_UNUSED = ["rest_framework"]


class Storage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise gives it no types
    """Scripts name the modules that they import by their content, too: a module has one address, and so one state."""

    support_js_module_import_aggregation = True


def collect_changed() -> None:
    """Collect into STATIC_ROOT, unless what lies there was made of the same sources. Not for two at a time."""
    root = Path(str(settings.STATIC_ROOT))
    told, digest = root / ".sources", _digest_of_sources()
    if told.exists() and told.read_text() == digest:
        return
    # What nobody finds any more goes with it; the digest is written last, so whatever ends this is begun again.
    call_command("collectstatic", interactive=False, clear=True, ignore_patterns=_UNUSED, verbosity=0)
    told.write_text(digest)


def _digest_of_sources() -> str:
    found = hashlib.blake2b(Path(__file__).read_bytes())
    for finder in get_finders():
        for name, storage in finder.list(_UNUSED):
            content = Path(storage.path(name)).read_bytes()
            found.update(f"{name}\0".encode() + hashlib.blake2b(content).digest())
    return found.hexdigest()
