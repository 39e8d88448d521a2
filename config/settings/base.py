"""Everything the deployments share: complete and safe. What differs is a URL or a number in the environment."""

from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from config import env
from config.beat import SCHEDULE

ROOT = env.ROOT
DEBUG = False

INSTALLED_APPS = [
    "config.admin_site.OperatorAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "django_prometheus",
    "csp",
    "config",
    "apps.kernel",
    "apps.ledger",
    "apps.accounts",
    "apps.chat",
    "apps.orders",
    "apps.marketing",
]

MIDDLEWARE = [
    "apps.kernel.middleware.VisitorAddress",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "apps.kernel.middleware.ContentPolicy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "apps.kernel.middleware.PrivateAnswers",
    "apps.kernel.problem.RefusalMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "config.urls"
# Whose callers do not wait: seconds, the view that answers when the real one is late, and the one that may refuse at
# once (config/deadline.py).
# WeChat hangs up after 5 s and sends again; better to say that we are busy while it listens.
LATE_ANSWERS = {
    "/wechat/callback": (3.0, "apps.accounts.views.late_callback", "apps.accounts.views.refused_callback"),
}
# What the web process asks of itself by HTTP: the sandbox's providers, and what they tell the site.
ASKED_BY_ITSELF: tuple[str, ...] = ()
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "/login/"
# Each operator may set up an authenticator; with this, nobody works in the admin without one.
OPERATORS_NEED_SECOND_FACTOR = env.flag("OPERATORS_NEED_SECOND_FACTOR", default=False)
LOGIN_REDIRECT_URL = "/chat/"
# Of operators; members have none.
_VALIDATORS = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"{_VALIDATORS}.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {
        "NAME": f"{_VALIDATORS}.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["username", "nickname"]},
    },
    {"NAME": f"{_VALIDATORS}.CommonPasswordValidator"},
    {"NAME": f"{_VALIDATORS}.NumericPasswordValidator"},
]
# Which peers are our proxies, so that what they say about the visitor is believed.
TRUSTED_PROXIES = env.proxies("TRUSTED_PROXIES", "none")

# Above these, a second operator has to approve what one gives or takes in a day; None is never.
APPROVAL_QUOTA_MILLI = env.limit("APPROVAL_QUOTA_MILLI")
APPROVAL_POINTS = env.limit("APPROVAL_POINTS")
APPROVAL_CHANCES = env.limit("APPROVAL_CHANCES")

# What files with generated text say of who generated it: the site's code or name as a producer (GB 45438-2025).
AI_LABEL_PRODUCER = env.shaped(
    "AI_LABEL_PRODUCER", r"[^\s'\"\\](?:[^'\"\\]{0,98}[^\s'\"\\])?", "a code or a name of 1 to 100 signs", "Chatloop"
)
# Under which numbers the site and its models are registered; the page of models names them.
SERVICE_REGISTRATION = env.text("SERVICE_REGISTRATION")
MODEL_REGISTRATIONS = env.pairs("MODEL_REGISTRATIONS")

# Who else looks at questions and answers, after the operators' words; without an address nobody does. Its time limit,
# and whether a question passes or is refused that could not be looked at.
MODERATION_URL = env.text("MODERATION_URL") and env.address("MODERATION_URL", schemes=("https", "http"))
MODERATION_KEY = env.text("MODERATION_KEY")
MODERATION_SECONDS = env.number("MODERATION_SECONDS", 3, at_least=1, at_most=8)
MODERATION_ON_FAILURE = env.choice("MODERATION_ON_FAILURE", "pass", "refuse", default="pass")

# The status by which OpenAI's clients hear that no quota is left, or that an API key has spent what it may.
QUOTA_REFUSED_STATUS = int(env.choice("QUOTA_REFUSED_STATUS", "429", "402", default="429"))

# How many pictures a member may keep, and how much of them: what they send to models that see, and what models draw.
PICTURES_PER_MEMBER = env.number("PICTURES_PER_MEMBER", 500, at_least=1, at_most=100_000)
PICTURE_MEGABYTES_PER_MEMBER = env.number("PICTURE_MEGABYTES_PER_MEMBER", 200, at_least=1, at_most=100_000)

# Who leaves and comes back is recognised for this long. Above a year: a yearly campaign counts each person once.
PERSON_KEY_KEPT_DAYS = env.number("PERSON_KEY_KEPT_DAYS", 400, at_least=1, at_most=10_000)
# Secrets that persons are still known by; `manage.py person_keys` says which of them may go.
PERSON_KEY_FORMER = env.former_secrets("PERSON_KEY_FORMER")
# Secrets that rows are still sealed under; `manage.py reseal` says when they may go.
SEALING_KEY_FORMER = env.former_secrets("SEALING_KEY_FORMER")

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Time and language: the database speaks UTC, days begin at midnight of the business time zone.
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"
USE_I18N = True
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Simplified Chinese")), ("en", _("English"))]
LOCALE_PATHS = [ROOT / "locale"]
FORMAT_MODULE_PATH: list[str] = []

STATIC_URL = "/static/"
STATIC_ROOT: Path | None = ROOT / "staticfiles"
STATICFILES_DIRS = [ROOT / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.static_files.Storage"},
}


# Where bodies are longer than Django's 2.5 MB: pictures, by themselves and in requests of programs.
LARGER_BODIES = {
    "/api/v1/chat/pictures": 8 * 1024 * 1024 + 1,
    **dict.fromkeys(("/v1/chat/completions", "/v1/responses"), 12 * 1024 * 1024),
}


def picture_store(folder: Path) -> dict[str, Any]:
    """Where pictures are kept: nobody but this site reads them, and they have no address."""
    options = {"location": folder, "file_permissions_mode": 0o600, "directory_permissions_mode": 0o700}
    return {"pictures": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options}}


# The model server that lives in the web process and dies with it: the sandbox's, where there is one.
OWN_MODELS_URL = ""

# Sessions are rows: they survive the cache, and one can be revoked.
SESSION_ENGINE = "apps.accounts.sessions"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.accounts.api.authentication.ApiKeyAuthentication",
        "apps.accounts.api.authentication.BrowserAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["apps.kernel.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "apps.kernel.api.Schema",
    "EXCEPTION_HANDLER": "apps.kernel.problem.exception_handler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Chatloop",
    "DESCRIPTION": "Amounts are integers: *_fen, *_milli (1000 = one credit), points, chances.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    # Without names, columns called `state` and `kind` would get numbers.
    "ENUM_NAME_OVERRIDES": {
        "MemberStatus": "apps.accounts.contracts.MemberStatus",
        "AttemptState": "apps.accounts.contracts.AttemptState",
        "MessageRole": "apps.chat.contracts.Role",
        "GenerationState": "apps.chat.contracts.GenerationState",
        "PaidBy": "apps.chat.contracts.PaidBy",
        "OrderState": "apps.orders.contracts.OrderState",
        "ActivityState": "apps.marketing.contracts.ActivityState",
        "PrizeKind": "apps.marketing.prizes.registries.PRIZES.choices",
        "DeliveryState": "apps.marketing.contracts.DeliveryState",
        "ItemKind": "apps.marketing.exchange.registries.ITEMS.choices",
    },
}

# Celery is the messenger, the outbox row is the truth (docs/adr/0004-outbox.md).
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
# A message is a wake-up: it is done with once it is heard, and beat sends another. A worker that owed the broker an
# answer when the broker went away would end by it (kombu 5.7: AttributeError in Channel.basic_ack).
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_DEFAULT_QUEUE = "default"
# Here and not at the tasks: beat sends by name and loads none. Outbox deliveries name their handler's queue.
CELERY_TASK_ROUTES = {
    "apps.kernel.tasks.sweep_outbox": "outbox",
    "apps.chat.tasks.*": "chat",
    "apps.orders.tasks.*": "orders",
}
CELERY_TASK_TIME_LIMIT = 300
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "Asia/Shanghai"
CELERY_BEAT_SCHEDULE = SCHEDULE
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Above the longest task. Measured: with the default restore options an unacknowledged task
    # comes back about 100 s after its visibility timeout; with these, within seconds of it.
    "visibility_timeout": 360,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
}
# A dead broker must cost a request little: the row is written, the beat sweeps it up.
CELERY_TASK_PUBLISH_RETRY = False

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "config.logs.Line", "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "httpx2": {"level": "WARNING"},
        # The web server would write what an answer raised while it was being sent, past our formatter.
        "uvicorn": {"handlers": [], "propagate": True},
        # Never on, whoever starts the server: its lines hold queries, and those hold openids and what people look for.
        "uvicorn.access": {"handlers": [], "propagate": False},
        # Two lines for each of beat's tasks would bury everything else.
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
    },
}


def caches(redis_url: str) -> dict[str, Any]:
    """The shared cache. Nothing that must be true is decided from it."""
    return {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": redis_url,
            "OPTIONS": {"SOCKET_CONNECT_TIMEOUT": 2, "SOCKET_TIMEOUT": 5},
        }
    }
