"""One machine with nothing but Python: SQLite, an embedded Valkey, and the sandbox as every provider."""

from urllib.parse import urlsplit

from django.http.request import split_domain_port

from config import demo_keys, env, keys, stores
from config.beat import SANDBOX_SCHEDULE, SCHEDULE
from config.settings.base import *  # noqa: F403
from config.settings.base import INSTALLED_APPS, STORAGES, caches, picture_store

VAR_DIR = env.var_dir()
PORT = env.number("PORT", 8000, at_least=1, at_most=65535)
PUBLIC_URL = env.origin("PUBLIC_URL", f"http://127.0.0.1:{PORT}", schemes=("http", "https"))
_keys = demo_keys.load_or_create(VAR_DIR)
env.refuse(
    not keys.are_a_pair(_keys.merchant_private_key, _keys.merchant_public_key)
    or not keys.are_a_pair(_keys.platform_private_key, _keys.platform_public_key),
    f"the keys in {VAR_DIR / 'keys.json'} do not fit each other",
)

SECRET_KEY = env.secret("SECRET_KEY", _keys.secret_key)
PERSON_KEY = env.lasting_secret("PERSON_KEY", _keys.person_key, others=[SECRET_KEY])
SEALING_KEY = env.lasting_secret("SEALING_KEY", _keys.sealing_key, others=[SECRET_KEY, PERSON_KEY])
# `up` and the sandbox ask for this machine and for the site's own address, whatever else is allowed.
_OWN_HOSTS = {"127.0.0.1", "localhost", "[::1]", split_domain_port(urlsplit(PUBLIC_URL).netloc)[0]}
ALLOWED_HOSTS = sorted(_OWN_HOSTS.union(env.hosts("ALLOWED_HOSTS", "localhost")))
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
INSTALLED_APPS = [*INSTALLED_APPS, "apps.sandbox"]
CELERY_BEAT_SCHEDULE = SCHEDULE | SANDBOX_SCHEDULE

DATABASES = {"default": stores.database(default_url=f"sqlite:///{VAR_DIR / 'chatloop.sqlite3'}")}
REDIS_URL = stores.redis_url(embedded_dir=VAR_DIR)
CACHES = caches(REDIS_URL)
CELERY_BROKER_URL = stores.broker_url(REDIS_URL)

# `up` collects into it.
STATIC_ROOT = VAR_DIR / "static"
STORAGES = {**STORAGES, **picture_store(VAR_DIR / "pictures")}

SANDBOX_URL = f"{PUBLIC_URL}/sandbox"
# By a name that is not this machine's alone, strangers may come through a forwarder that does not say so: the
# phone, which needs no password, is off then.
SANDBOX_IS_PUBLISHED = not all(env.is_loopback(host) for host in ALLOWED_HOSTS)
OWN_MODELS_URL = f"{SANDBOX_URL}/llm/v1"
ASKED_BY_ITSELF = ("/sandbox/wechat/", "/sandbox/wechatpay/", "/pay/")

WECHAT_OA = {
    "NAME": "圈聊",
    "ORIGINAL_ID": "gh_chatloop_demo",
    "APP_ID": "wxdemo000000000001",
    "APP_SECRET": _keys.wechat_app_secret,
    "TOKEN": _keys.wechat_token,
    "AES_KEY": _keys.wechat_aes_key,
    # plain | compatible | safe: what our callback accepts (protocol: message encryption modes).
    "MODE": env.choice("WECHAT_OA_MODE", "plain", "compatible", "safe", default="plain"),
    "API_URL": f"{SANDBOX_URL}/wechat",
    # Where WeChat's own browser is sent to say who holds it.
    "AUTHORIZE_URL": f"{SANDBOX_URL}/wechat/connect/oauth2/authorize",
}

WECHAT_PAY = {
    "MCH_ID": "1900000001",
    "APP_ID": "wxdemo000000000001",
    "SERIAL_NO": "5EC2D0E1A3B4C5D6E7F8091A2B3C4D5E6F708192",
    "PRIVATE_KEY": _keys.merchant_private_key,
    "API_V3_KEY": _keys.api_v3_key,
    "PUBLIC_KEY_ID": "PUB_KEY_ID_0119000000012026112100000000000001",
    "PUBLIC_KEY": _keys.platform_public_key,
    "API_URL": f"{SANDBOX_URL}/wechatpay",
    "NOTIFY_URL": f"{PUBLIC_URL}/pay/wechat/notify",
}

# The other halves of those secrets; only the sandbox reads them.
SANDBOX = {
    "CALLBACK_URL": f"{PUBLIC_URL}/wechat/callback",
    "MERCHANT_PUBLIC_KEY": _keys.merchant_public_key,
    "PLATFORM_PRIVATE_KEY": _keys.platform_private_key,
    "MODEL_API_KEY": _keys.model_api_key,
}

env.refuse_unread()
