"""The embedded set-up, fast and alone: every test process has its own data folder, database file and Redis."""

import os
import tempfile
from pathlib import Path

from config import stores
from config.settings.embedded import *  # noqa: F403
from config.settings.embedded import STORAGES, WECHAT_OA, caches, picture_store

# One process, one folder: parallel workers, or two suites at a time, never meet.
VAR_DIR = Path(tempfile.gettempdir()) / f"chatloop-test-{os.getpid()}"

DATABASES = {"default": stores.database(default_url=f"sqlite:///{VAR_DIR / 'chatloop.sqlite3'}")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, not memory: threads of a race or of a live server need connections of their own.
    DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}
    # Nobody needs these rows after a power cut.
    DATABASES["default"]["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"

# tests/conftest.py starts the server behind the socket; of a given server each worker takes one database.
REDIS_URL = stores.redis_url_of_test_worker(embedded_dir=VAR_DIR)
CACHES = caches(REDIS_URL)
CELERY_BROKER_URL = stores.broker_url(REDIS_URL)

# No provider listens here: a test that needs one names it.
WECHAT_OA = {**WECHAT_OA, "API_URL": "http://127.0.0.1:1"}

ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Static files are served from where they lie: nobody collects them before a test.
_static = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
STORAGES = {**STORAGES, **_static, **picture_store(VAR_DIR / "pictures")}
WHITENOISE_USE_FINDERS = True
# Without it every test client would list the whole static tree.
WHITENOISE_AUTOREFRESH = True
