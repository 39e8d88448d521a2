"""Hardens base and demands what it needs: without a complete environment the process refuses to start."""

from typing import Any
from urllib.parse import urlsplit

from django.http.request import split_domain_port, validate_host

from config import demo_keys, env, keys, stores
from config.settings.base import *  # noqa: F403
from config.settings.base import INSTALLED_APPS, STORAGES, caches, picture_store

IS_PRODUCTION = True

_APP_ID, _APP_ID_WORDS = "wx[0-9a-z]{16}", "wx and 16 letters or digits"

SECRET_KEY = env.secret("SECRET_KEY")
PERSON_KEY = env.lasting_secret("PERSON_KEY", others=[SECRET_KEY])
SEALING_KEY = env.lasting_secret("SEALING_KEY", others=[SECRET_KEY, PERSON_KEY])
ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS")
PUBLIC_URL = env.origin("PUBLIC_URL")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
VAR_DIR = env.var_dir()

DATABASES = {"default": stores.database()}
env.refuse(
    DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql",
    "DATABASE_URL must name a PostgreSQL database",
)
REDIS_URL = stores.redis_url()
CACHES = caches(REDIS_URL)
CELERY_BROKER_URL = stores.broker_url(REDIS_URL)

# In a cluster the same folder on every host.
STORAGES = {**STORAGES, **picture_store(env.folder("PICTURES_DIR"))}

env.refuse(
    not validate_host(split_domain_port(urlsplit(PUBLIC_URL).netloc)[0], ALLOWED_HOSTS),
    "ALLOWED_HOSTS must name the host of PUBLIC_URL",
)
env.refuse("apps.sandbox" in INSTALLED_APPS, "the sandbox has no place in production")

# Nobody can guess this: with a proxy unknown to us, all visitors would be one.
TRUSTED_PROXIES = env.proxies("TRUSTED_PROXIES")
# Nginx ends TLS and says so; `none` where TLS is served by this process.
SECURE_PROXY_SSL_HEADER = env.proxy_tls_header("PROXY_TLS_HEADER", "X-Forwarded-Proto")
SECURE_SSL_REDIRECT = True
# A load balancer asks over plain http from inside.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = env.number("HSTS_SECONDS", 365 * 24 * 3600, at_least=0, at_most=10 * 365 * 24 * 3600)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_NAME = "__Host-session"
CSRF_COOKIE_SECURE = True

WECHAT_OA = {
    # What people look for in WeChat.
    "NAME": env.text("WECHAT_OA_NAME"),
    "ORIGINAL_ID": env.shaped("WECHAT_OA_ORIGINAL_ID", "gh_[0-9a-z]+", "gh_ and letters or digits"),
    "APP_ID": env.shaped("WECHAT_OA_APP_ID", _APP_ID, _APP_ID_WORDS),
    "APP_SECRET": env.shaped("WECHAT_OA_APP_SECRET", "[0-9a-f]{32}", "32 lower-case hexadecimal digits"),
    "TOKEN": env.shaped("WECHAT_OA_TOKEN", "[A-Za-z0-9]{3,32}", "3 to 32 letters or digits"),
    "AES_KEY": keys.aes_key("WECHAT_OA_AES_KEY"),
    # plain | compatible | safe; the real account should be set to safe mode.
    "MODE": env.choice("WECHAT_OA_MODE", "plain", "compatible", "safe", default="safe"),
    "API_URL": env.origin("WECHAT_OA_API_URL", "https://api.weixin.qq.com"),
    # Where WeChat's own browser is sent to say who holds it.
    "AUTHORIZE_URL": env.address("WECHAT_OA_AUTHORIZE_URL", "https://open.weixin.qq.com/connect/oauth2/authorize"),
}

WECHAT_PAY: dict[str, Any] = {
    "MCH_ID": env.shaped("WECHAT_PAY_MCH_ID", "[0-9]{8,10}", "8 to 10 digits"),
    "APP_ID": env.shaped("WECHAT_PAY_APP_ID", _APP_ID, _APP_ID_WORDS),
    "SERIAL_NO": env.shaped("WECHAT_PAY_SERIAL_NO", "[0-9A-Fa-f]{32,40}", "the hexadecimal serial number"),
    # PEM texts; in an environment file, line ends may be written as \n.
    "PRIVATE_KEY": keys.private_key("WECHAT_PAY_PRIVATE_KEY"),
    "API_V3_KEY": keys.api_v3_key("WECHAT_PAY_API_V3_KEY"),
    "PUBLIC_KEY_ID": env.shaped("WECHAT_PAY_PUBLIC_KEY_ID", "PUB_KEY_ID_[0-9]+", "PUB_KEY_ID_ and digits"),
    "PUBLIC_KEY": keys.public_key("WECHAT_PAY_PUBLIC_KEY"),
    # While WeChat Pay moves a merchant from its certificates to its public key, notifications come signed with either.
    "OLDER_PLATFORM_KEYS": keys.certificate_keys("WECHAT_PAY_CERTIFICATES"),
    "API_URL": env.origin("WECHAT_PAY_API_URL", "https://api.mch.weixin.qq.com"),
    "NOTIFY_URL": f"{PUBLIC_URL}/pay/wechat/notify",
}

env.refuse(
    keys.are_a_pair(WECHAT_PAY["PRIVATE_KEY"], WECHAT_PAY["PUBLIC_KEY"]),
    "WECHAT_PAY_PUBLIC_KEY must be WeChat Pay's key, not the merchant's own",
)
env.refuse(
    any(keys.are_a_pair(WECHAT_PAY["PRIVATE_KEY"], key) for _, key in WECHAT_PAY["OLDER_PLATFORM_KEYS"]),
    "WECHAT_PAY_CERTIFICATES must be WeChat Pay's, not the merchant's own",
)
for provider in (WECHAT_OA, WECHAT_PAY):
    env.refuse(provider["API_URL"] == PUBLIC_URL, "a provider's API_URL must not lead to this site")
    env.refuse(provider["APP_ID"].startswith("wxdemo"), "the demonstration's WeChat account must not be used")
env.refuse(
    demo_keys.are_among({SECRET_KEY, PERSON_KEY, SEALING_KEY, *WECHAT_OA.values(), *WECHAT_PAY.values()}, VAR_DIR),
    "a secret of the demonstration must not be used",
)
env.refuse_unread()
