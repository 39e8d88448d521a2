"""Hardens base and demands what it needs: without a complete environment the process refuses to start."""

from config import demo_keys, env
from config.settings.base import *  # noqa: F403
from config.settings.base import INSTALLED_APPS, caches

IS_PRODUCTION = True

SECRET_KEY = env.required("SECRET_KEY")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", [])
PUBLIC_URL = env.required_https("PUBLIC_URL")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
VAR_DIR = env.var_dir()

env.required("DATABASE_URL")
DATABASES = {"default": env.database(default_url="")}
env.refuse(
    DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql",
    "DATABASE_URL must name a PostgreSQL database",
)
REDIS_URL = env.required("REDIS_URL")
CACHES = caches(REDIS_URL)
CELERY_BROKER_URL = env.broker_url(REDIS_URL)

env.refuse(len(SECRET_KEY) < 50, "SECRET_KEY must have at least 50 characters")
env.refuse(not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS, "ALLOWED_HOSTS must name the hosts of this site")
env.refuse("apps.sandbox" in INSTALLED_APPS, "the sandbox has no place in production")

# Nginx ends TLS and says so; without a proxy that sets the header, name none and serve TLS yourself.
SECURE_PROXY_SSL_HEADER = env.proxy_tls_header("PROXY_TLS_HEADER", "X-Forwarded-Proto")
SECURE_SSL_REDIRECT = True
# A load balancer asks over plain http from inside.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = env.number("HSTS_SECONDS", 365 * 24 * 3600)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_NAME = "__Host-session"
CSRF_COOKIE_SECURE = True

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

WECHAT_OA = {
    # What people look for in WeChat.
    "NAME": env.text("WECHAT_OA_NAME"),
    "ORIGINAL_ID": env.required("WECHAT_OA_ORIGINAL_ID"),
    "APP_ID": env.required("WECHAT_OA_APP_ID"),
    "APP_SECRET": env.required("WECHAT_OA_APP_SECRET"),
    "TOKEN": env.required("WECHAT_OA_TOKEN"),
    "AES_KEY": env.required("WECHAT_OA_AES_KEY"),
    # plain | compatible | safe; the real account should be set to safe mode.
    "MODE": env.text("WECHAT_OA_MODE", "safe"),
    "API_URL": env.required_https("WECHAT_OA_API_URL", "https://api.weixin.qq.com"),
    # Where WeChat's own browser is sent to say who holds it.
    "AUTHORIZE_URL": env.required_https(
        "WECHAT_OA_AUTHORIZE_URL", "https://open.weixin.qq.com/connect/oauth2/authorize"
    ),
}

WECHAT_PAY = {
    "MCH_ID": env.required("WECHAT_PAY_MCH_ID"),
    "APP_ID": env.required("WECHAT_PAY_APP_ID"),
    "SERIAL_NO": env.required("WECHAT_PAY_SERIAL_NO"),
    # PEM texts; in an environment file, line ends may be written as \n.
    "PRIVATE_KEY": env.required("WECHAT_PAY_PRIVATE_KEY").replace("\\n", "\n"),
    "API_V3_KEY": env.required("WECHAT_PAY_API_V3_KEY"),
    "PUBLIC_KEY_ID": env.required("WECHAT_PAY_PUBLIC_KEY_ID"),
    "PUBLIC_KEY": env.required("WECHAT_PAY_PUBLIC_KEY").replace("\\n", "\n"),
    "API_URL": env.required_https("WECHAT_PAY_API_URL", "https://api.mch.weixin.qq.com"),
    "NOTIFY_URL": f"{PUBLIC_URL}/pay/wechat/notify",
}

for provider in (WECHAT_OA, WECHAT_PAY):
    env.refuse(provider["API_URL"].startswith(PUBLIC_URL), "a provider's API_URL must not lead to this site")
    env.refuse(provider["APP_ID"].startswith("wxdemo"), "the demonstration's WeChat account must not be used")
env.refuse(
    demo_keys.are_among({SECRET_KEY, *WECHAT_OA.values(), *WECHAT_PAY.values()}, VAR_DIR),
    "a secret of the demonstration must not be used",
)
