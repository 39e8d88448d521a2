"""WeChat's API as our client meets it: an httpx transport that checks what it is asked and can have every trouble."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx2
import pytest
from django.conf import settings

from apps.accounts.gateways import official_account

BASE_URL = "https://wechat.example/gateway"


@dataclass
class WeChat:
    """The account's side of the API. A fault is put in `troubles`: one per call of that path, the last one stays."""

    token: str = "TOKEN-1"
    tickets: dict[str, str] = field(default_factory=dict)  # scene -> ticket
    openids: dict[str, str] = field(default_factory=dict)  # OAuth code -> openid
    calls: list[str] = field(default_factory=list)
    troubles: dict[str, list[Any]] = field(default_factory=dict)
    slowness: float = 0.0
    on_scene: Callable[[str], None] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        """One call."""
        path = request.url.path.removeprefix("/gateway")
        with self._lock:
            self.calls.append(path)
            trouble = self._trouble(path)
        time.sleep(self.slowness)
        if isinstance(trouble, Exception):
            raise trouble
        if isinstance(trouble, httpx2.Response):
            return trouble
        if isinstance(trouble, int):
            return httpx2.Response(200, json={"errcode": trouble, "errmsg": "as the test wants it"})
        return httpx2.Response(200, json=getattr(self, f"_{path.rsplit('/', 1)[-1]}")(request))

    def times(self, path: str) -> int:
        """How often this path was called."""
        return self.calls.count(path)

    def _trouble(self, path: str) -> Any:
        planned = self.troubles.get(path, [])
        return planned.pop(0) if len(planned) > 1 else planned[0] if planned else None

    def _stable_token(self, request: httpx2.Request) -> dict[str, Any]:
        asked = json.loads(request.content)
        assert asked == {
            "grant_type": "client_credential",
            "appid": settings.WECHAT_OA["APP_ID"],
            "secret": settings.WECHAT_OA["APP_SECRET"],
            "force_refresh": False,
        }
        return {"access_token": self.token, "expires_in": 7200}

    def _create(self, request: httpx2.Request) -> dict[str, Any]:
        if request.url.params["access_token"] != self.token:
            return {"errcode": 40001, "errmsg": "invalid credential"}
        asked = json.loads(request.content)
        assert (asked["expire_seconds"], asked["action_name"]) == (300, "QR_STR_SCENE")
        scene = asked["action_info"]["scene"]["scene_str"]
        if self.on_scene:
            self.on_scene(scene)
        self.tickets[scene] = f"TICKET-{next(self._numbers)}"
        return {"ticket": self.tickets[scene], "expire_seconds": 300, "url": f"http://weixin.qq.com/q/{scene[-12:]}"}

    def _access_token(self, request: httpx2.Request) -> dict[str, Any]:
        query = request.url.params
        assert (query["appid"], query["secret"], query["grant_type"]) == (
            settings.WECHAT_OA["APP_ID"],
            settings.WECHAT_OA["APP_SECRET"],
            "authorization_code",
        )
        openid = self.openids.pop(query["code"], None)
        if openid is None:
            return {"errcode": 40163, "errmsg": "code been used"}
        return {"access_token": "PERSONAL", "expires_in": 7200, "openid": openid, "scope": "snsapi_base"}

    @property
    def scene(self) -> str:
        """The scene of the newest code."""
        return list(self.tickets)[-1]


def client(wechat: WeChat) -> official_account.OfficialAccount:
    """Our client, connected to this server."""
    account = settings.WECHAT_OA
    config = official_account.Config(app_id=account["APP_ID"], app_secret=account["APP_SECRET"], base_url=BASE_URL)
    return official_account.OfficialAccount(config, transport=httpx2.MockTransport(wechat.answer))


@pytest.fixture
def wechat(monkeypatch: pytest.MonkeyPatch) -> WeChat:
    """WeChat, connected instead of the address in the settings."""
    server = WeChat()
    connected = client(server)
    monkeypatch.setattr(official_account, "_connected", lambda config: connected)
    return server
