"""Every setting is of a closed type: what does not fit stops the start with one line that names it."""

import json
import re
import runpy
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.core.exceptions import ImproperlyConfigured

from config import demo_keys, env, stores
from tests.integration.ops.test_production import _KEY, _PLATFORM_KEY, _PLATFORM_PUBLIC, _PRIVATE, _PUBLIC, COMPLETE

READERS = r"""\b(?:env|keys|stores)\.\w+\(\s*"([A-Z][A-Z0-9_]+)\""""
SETTINGS = sorted((env.ROOT / "config" / "settings").glob("*.py"))
# Tests alone read it, and pytest-xdist writes it.
NOT_OURS = {"PYTEST_XDIST_WORKER", "DJANGO_SETTINGS_MODULE"}
NO_PORT = "postgres://chatloop:hunter2@127.0.0.1:eighty/chatloop"


def certificate(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, *, serial: int = 0x77AA) -> str:
    """A certificate for this key, as PEM."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Tenpay.com sign")])
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
    built = x509.CertificateBuilder(name, name, key.public_key(), serial, start, end)
    return built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


# Values that a hurried person might give, by variable.
BAD: dict[str, list[str]] = {
    "AI_LABEL_PRODUCER": ["it's us", " us", "a" * 101],
    "MODERATION_KEY": [" k", "k\nl"],
    "MODERATION_ON_FAILURE": ["Pass", "allow", "no"],
    "MODERATION_SECONDS": ["0", "9", "soon"],
    "MODERATION_URL": ["moderator", "ftp://moderator.example", "https://u:p@moderator.example"],
    "MODEL_REGISTRATIONS": ["base", "base=", "=X-1", "base=X-1;", "base=X-1; base=X-2", "a b=X-1"],
    "SERVICE_REGISTRATION": [" X-1", "X\n1"],
    "ALLOWED_HOSTS": ["*", "https://chat.example.com", "chat.example.com:443", "chat.example.com,,", "a b",
                      "other.example.com", ".example.com"],
    "APPROVAL_CHANCES": ["never", "-1"],
    "APPROVAL_POINTS": ["1e3", "99999999999"],
    "APPROVAL_QUOTA_MILLI": ["1.5", "none"],
    "CHATLOOP_VAR": ["var "],
    "DATABASE_POOL_SIZE": ["many", "0", "-1", "1e3", "16.5", "１６", "100000"],
    "DATABASE_URL": ["chatloop", "mysql://u:hunter2@h/d", "sqlite:///chatloop.sqlite3", NO_PORT, "postgres://h:99999/d",
                     "postgres://u:hunter2@h/", "postgres://h/d?sslmode=required", "postgres://h/d?ssl_mode=require",
                     "postgres:/u:hunter2@h/d", "postgres:///u:hunter2@127.0.0.1/d", "postgres:///chatloop",
                     "postgres://u:hunter2@h/d/e", "postgres://u:hunter2@h/d?connect_timeout=abc",
                     "postgres://u:hunter2@h/d?keepalives_idle=-", "postgres://u:hunter2@h/d?sslmode",
                     "postgres://u:hunter2@h/d?sslmode="],
    "HSTS_SECONDS": ["year", "-1", "99999999999"],
    "OPERATORS_NEED_SECOND_FACTOR": ["required", "y", "2", "True!"],
    "PERSON_KEY": ["short", COMPLETE["SECRET_KEY"], "a," * 30],
    "PERSON_KEY_FORMER": ["short", f"{'a' * 50},short", ", ,"],
    "PERSON_KEY_KEPT_DAYS": ["0", "for ever"],
    "PICTURES_DIR": ["pictures", "/nowhere/at/all", "/etc/hostname"],
    "PICTURES_PER_MEMBER": ["0", "many"],
    "PICTURE_MEGABYTES_PER_MEMBER": ["0", "1.5"],
    "PORT": ["eighty", "0", "65536", "8000 ", "８０００"],
    "PROXY_TLS_HEADER": ["X-Forwarded-Proto: https", "X_FORWARDED_PROTO"],
    "PUBLIC_URL": ["http://chat.example.com", "https://", "chat.example.com", "https://chat.example.com/shop",
                   "https://u:p@chat.example.com", "https://chat.example.com:port", "https://chat.example.com?x=1"],
    "QUOTA_REFUSED_STATUS": ["403", "402.0", "Payment Required", "none"],
    "REDIS_URL": ["127.0.0.1:6379", "http://127.0.0.1/0", "redis:///0", "redis://127.0.0.1:port/0", "unix://",
                  "redis://127.0.0.1:6379/abc", "redis://127.0.0.1:6379/-1", "redis://127.0.0.1:6379/0/1",
                  "redis://127.0.0.1:6379/0?foo=1", "redis://127.0.0.1:6379/0?socket_timeout", "unix:///s.sock?db=-1",
                  "rediss://127.0.0.1:6379/0?ssl_cert_reqs=nope", "redis://127.0.0.1:6379/0?ssl_cert_reqs=none",
                  "redis://127.0.0.1:6379/0?db=1&db=2", "redis://127.0.0.1:6379/٣"],
    "SEALING_KEY": ["short", COMPLETE["SECRET_KEY"], COMPLETE["PERSON_KEY"], "a," * 30],
    "SEALING_KEY_FORMER": ["short", f"{'a' * 50},short", ", ,"],
    "SECRET_KEY": ["short", "spaces around it make it something else than it is for others "],
    "TRUSTED_PROXIES": ["yes", "nginx", "10.0.0.1/8", "0.0.0.0/0", "::/0", "none,10.0.0.0/8", "10.0.0.0/8;::1",
                        "0.0.0.0/1,128.0.0.0/1", "10.0.0.0/7", "2000::/3"],
    "WECHAT_OA_AES_KEY": ["short", "a" * 42, "a" * 42 + "-", "a" * 43 + "="],
    "WECHAT_OA_API_URL": ["http://api.weixin.qq.com", "api.weixin.qq.com", "https://chat.example.com",
                          "https://chat.example.com/sandbox", "https://api.weixin.qq.com/cgi-bin/"],
    "WECHAT_OA_APP_ID": ["gh_0123456789ab", "wx123", "wxdemo000000000001"],
    "WECHAT_OA_APP_SECRET": ["secret", "0123456789ABCDEF0123456789ABCDEF"],
    "WECHAT_OA_AUTHORIZE_URL": ["http://open.weixin.qq.com/connect", "open.weixin.qq.com"],
    "WECHAT_OA_MODE": ["Safe", "aes", "SAFE", "safe "],
    "WECHAT_OA_NAME": ["two\nlines", " Chatloop"],
    "WECHAT_OA_ORIGINAL_ID": ["chatloop", "wx0123456789abcdef"],
    "WECHAT_OA_TOKEN": ["a-b", "ab", "a" * 33],
    "WECHAT_PAY_API_URL": ["http://api.mch.weixin.qq.com", "https://chat.example.com",
                           "https://api.mch.weixin.qq.com/v3/pay"],
    "WECHAT_PAY_API_V3_KEY": ["short", "k" * 33, "k" * 31 + "é"],
    "WECHAT_PAY_APP_ID": ["1612345678", "wxdemo000000000001"],
    "WECHAT_PAY_CERTIFICATES": ["apiclient_cert.pem", _PUBLIC, _PLATFORM_PUBLIC, certificate(_KEY),
                                certificate(ec.generate_private_key(ec.SECP256R1()))],
    "WECHAT_PAY_MCH_ID": ["wx0123456789abcdef", "12"],
    "WECHAT_PAY_PRIVATE_KEY": ["key.pem", _PUBLIC, _PRIVATE[:-90]],
    "WECHAT_PAY_PUBLIC_KEY": ["key.pem", _PRIVATE, _PUBLIC],
    "WECHAT_PAY_PUBLIC_KEY_ID": ["0116123456782026112100000000000001", "PUB_KEY_ID_one"],
    "WECHAT_PAY_SERIAL_NO": ["serial", "PUB_KEY_ID_0116"],
}  # fmt: skip
# What names the two that are told apart only together.
ALSO_NAMED = {"the demonstration's WeChat account must not be used", "a provider's API_URL must not lead to this site"}
MISSPELT = [
    *("WECHAT_OA_MOD", "wechat_oa_mode", "WECHATPAY_MCH_ID", "WeChat_OA_MODE", "CHATLOOP_PORT", "CHATLOOPVAR"),
    *("OPERATORS_NEED_SECONDFACTOR", "OPERATOR_NEED_SECOND_FACTOR", "TRUSTED_PROXY", "TRUST_PROXIES", "ALLOWED_HOST"),
    *("DATABASE_POOLSIZE", "REDIS_UR", "database_url", "DJANGO_SETTING_MODULE", "APPROVALS_POINTS"),
    *("PICTURE_DIR", "PICTURES_FOLDER"),
]
FOREIGN = ["DATABASE_URI", "HOST", "HOSTNAME", "PORTAL", "PORTS", "DJANGO_SECRET_KEY", "REDIS_URI", "WECHATY_TOKEN"]
REQUIRED = sorted(set(COMPLETE) - {"DJANGO_SETTINGS_MODULE"})


def start(monkeypatch: pytest.MonkeyPatch, var: Path, **changes: str) -> dict[str, Any]:
    """The settings that a process with this environment would have."""
    for name, value in {**COMPLETE, "CHATLOOP_VAR": str(var), **changes}.items():
        monkeypatch.setenv(name, value)
    return _run("embedded" if "PORT" in changes else "production") | _run("base")


def _start_either(set_up: str, monkeypatch: pytest.MonkeyPatch, var: Path, **changes: str) -> dict[str, Any]:
    """The settings of production, or those of the embedded set-up with nothing but these changes."""
    if set_up == "production":
        return start(monkeypatch, var, **changes)
    for name in COMPLETE:
        monkeypatch.delenv(name, raising=False)
    for name, value in {"CHATLOOP_VAR": str(var), **changes}.items():
        monkeypatch.setenv(name, value)
    return _run("base") | _run("embedded")


def _run(module: str) -> dict[str, Any]:
    return runpy.run_path(str(env.ROOT / "config" / "settings" / f"{module}.py"))


def test_every_variable_is_in_this_table_and_in_the_operators_document() -> None:
    read = {name for path in SETTINGS for name in re.findall(READERS, path.read_text())}
    read |= {name for path in ("env", "stores") for name in _named_in(path)} - NOT_OURS
    document = (env.ROOT / "docs" / "operations.md").read_text()

    assert read == set(BAD)
    assert [name for name in sorted(read) if not re.search(rf"`{name}`", document)] == []


def _named_in(module: str) -> list[str]:
    source = (env.ROOT / "config" / f"{module}.py").read_text()
    return re.findall(r"""(?:text|required|number)\(\s*"([A-Z][A-Z0-9_]+)\"""", source)


@pytest.mark.parametrize("name", BAD)
def test_a_value_that_does_not_fit_is_named_and_not_quoted(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for value in BAD[name]:
        with pytest.raises(ImproperlyConfigured) as refused:
            start(monkeypatch, tmp_path, **{name: value})

        reason = str(refused.value)
        assert name in reason or reason in ALSO_NAMED
        assert "\n" not in reason
        assert "hunter2" not in reason
        assert len(value) < 8 or value not in reason


def test_notifications_may_be_signed_with_the_certificates_that_we_were_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    another = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    given = certificate(_PLATFORM_KEY) + certificate(another, serial=0x1B)

    account = start(monkeypatch, tmp_path, WECHAT_PAY_CERTIFICATES=given.replace("\n", "\\n"))["WECHAT_PAY"]

    assert account["OLDER_PLATFORM_KEYS"][0] == ("77AA", _PLATFORM_PUBLIC)
    assert [serial for serial, _ in account["OLDER_PLATFORM_KEYS"]] == ["77AA", "1B"]
    assert start(monkeypatch, tmp_path, WECHAT_PAY_CERTIFICATES="")["WECHAT_PAY"]["OLDER_PLATFORM_KEYS"] == ()


@pytest.mark.parametrize("value", ["", None])
@pytest.mark.parametrize("name", REQUIRED)
def test_what_is_missing_or_empty_is_named(
    name: str, value: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as environment:
        for each, usual in {**COMPLETE, "CHATLOOP_VAR": str(tmp_path)}.items():
            environment.setenv(each, usual)
        environment.setenv(name, "") if value == "" else environment.delenv(name)

        with pytest.raises(ImproperlyConfigured, match=f"^{name} must be set; see docs/operations.md$"):
            _run("production")


@pytest.mark.parametrize("set_up", ["embedded", "production"])
@pytest.mark.parametrize("name", MISSPELT)
def test_a_misspelt_variable_of_ours_is_refused(
    name: str, set_up: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"^{name}: no such setting here"):
        _start_either(set_up, monkeypatch, tmp_path, **{name: "safe"})


@pytest.mark.parametrize("set_up", ["embedded", "production"])
def test_the_variables_of_other_programs_are_left_alone(
    set_up: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _start_either(set_up, monkeypatch, tmp_path, **dict.fromkeys(FOREIGN, "anything"))


@pytest.mark.parametrize(
    "changes", [{"ALLOWED_HOSTS": "chat.example.com"}, {"PUBLIC_URL": "https://chat.example.com"}], ids=str
)
def test_the_embedded_set_up_answers_on_this_machine_and_at_its_address(
    changes: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = _start_either("embedded", monkeypatch, tmp_path, **changes)

    assert set(settings["ALLOWED_HOSTS"]) == {"127.0.0.1", "localhost", "[::1]", "chat.example.com"}


@pytest.mark.parametrize(
    ("changes", "is_published"),
    [
        ({}, False),
        ({"PUBLIC_URL": "http://localhost:9000", "ALLOWED_HOSTS": "127.0.0.1,chatloop.localhost"}, False),
        ({"PUBLIC_URL": "http://[::1]:8000"}, False),
        ({"PUBLIC_URL": "https://chat.example.com"}, True),
        ({"PUBLIC_URL": "http://192.168.1.5:8000"}, True),
        ({"ALLOWED_HOSTS": "localhost,chat.example.com"}, True),
    ],
    ids=str,
)
def test_the_embedded_set_up_knows_whether_others_have_a_name_for_it(
    changes: dict[str, str],
    is_published: bool,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    settings = _start_either("embedded", monkeypatch, tmp_path, **changes)

    assert settings["SANDBOX_IS_PUBLISHED"] is is_published


def test_what_fits_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = start(
        monkeypatch,
        tmp_path,
        OPERATORS_NEED_SECOND_FACTOR="On",
        TRUSTED_PROXIES="127.0.0.1, unix,2001:db8::/32",
        DATABASE_URL="postgres://u:p%40ss@db.example.com/chatloop?sslmode=verify-full",
        WECHAT_PAY_PRIVATE_KEY=_PRIVATE.replace("\n", "\\n"),
        PROXY_TLS_HEADER="none",
    )

    assert settings["OPERATORS_NEED_SECOND_FACTOR"] is True
    assert settings["TRUSTED_PROXIES"] == ("127.0.0.1/32", "unix", "2001:db8::/32")
    assert settings["DATABASES"]["default"]["PASSWORD"] == "p@ss"
    assert settings["DATABASES"]["default"]["OPTIONS"]["sslmode"] == "verify-full"
    assert settings["WECHAT_PAY"]["PRIVATE_KEY"] == _PRIVATE
    assert settings["SECURE_PROXY_SSL_HEADER"] is None


def test_no_header_is_none_in_any_case(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert start(monkeypatch, tmp_path, PROXY_TLS_HEADER="None")["SECURE_PROXY_SSL_HEADER"] is None


@pytest.mark.parametrize(
    "spelling", ["HTTPS://Chat.Example.com", "https://chat.example.com?", "https://chat.example.com:443/"]
)
def test_an_address_is_the_same_in_every_spelling(
    spelling: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = start(monkeypatch, tmp_path, PUBLIC_URL=spelling)

    assert settings["PUBLIC_URL"] == "https://chat.example.com"
    assert settings["CSRF_TRUSTED_ORIGINS"] == ["https://chat.example.com"]


@pytest.mark.parametrize("url", ["redis://h", "redis://h/", "rediss://u:p@h:6380/15?ssl_cert_reqs=required",
                                 "unix:///run/redis.sock?db=2"])  # fmt: skip
def test_a_redis_is_read_as_it_is_given(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert start(monkeypatch, tmp_path, REDIS_URL=url)["REDIS_URL"] == url


@pytest.mark.parametrize("name", ["PERSON_KEY_FORMER", "SEALING_KEY_FORMER"])
def test_former_keys_are_a_list_like_the_others(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    former = ["a" * 50, "b" * 50]

    assert start(monkeypatch, tmp_path, **{name: ", ".join(former)})[name] == former


def test_a_secret_of_the_demonstration_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    keys = demo_keys.load_or_create(tmp_path)

    with pytest.raises(ImproperlyConfigured, match="^a secret of the demonstration must not be used$"):
        start(monkeypatch, tmp_path, WECHAT_PAY_API_V3_KEY=keys.api_v3_key)


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}", "null"])
def test_damaged_keys_of_the_embedded_set_up_are_named(tmp_path: Path, damage: str) -> None:
    (tmp_path / "keys.json").write_text(damage)

    with pytest.raises(ImproperlyConfigured, match="keys.json cannot be read"):
        demo_keys.load_or_create(tmp_path)


@pytest.mark.parametrize("lacks", [{"sealing_key"}, {"person_key", "sealing_key"}], ids=len)
def test_a_data_folder_of_an_older_release_keeps_its_keys_and_gets_the_new_ones(
    lacks: set[str], tmp_path: Path
) -> None:
    keys = asdict(demo_keys.load_or_create(tmp_path))
    old = {name: key for name, key in keys.items() if name not in lacks}
    (tmp_path / "keys.json").write_text(json.dumps(old))

    with ThreadPoolExecutor(4) as pool:
        (upgraded,) = set(pool.map(demo_keys.load_or_create, [tmp_path] * 4))

    assert asdict(upgraded) | old == asdict(upgraded)
    assert upgraded.sealing_key not in ("", keys["sealing_key"])
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600


def test_keys_that_do_not_fit_each_other_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    demo_keys.load_or_create(tmp_path)
    file = tmp_path / "keys.json"
    text = file.read_text()
    pairs = re.findall(r'"(\w+_public_key)": ("[^"]*")', text)
    file.write_text(text.replace(pairs[0][1], pairs[1][1]))
    for name in COMPLETE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CHATLOOP_VAR", str(tmp_path))

    with pytest.raises(ImproperlyConfigured, match="do not fit each other"):
        _run("embedded")


def test_the_pool_and_the_locks_have_an_end() -> None:
    options = stores.database(default_url="postgres://h/d")["OPTIONS"] if not env.text("DATABASE_URL") else None

    assert options is None or (options["connect_timeout"], options["pool"]["timeout"]) == (3, 10)
