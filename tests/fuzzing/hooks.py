"""Who asks while an API is fuzzed, by what the test has put into the environment: a browser's session, or a key."""

import json
import os
from typing import Any

import schemathesis

_KEY, _MODEL = os.environ.get("FUZZ_KEY"), os.environ.get("FUZZ_MODEL")
_QUESTION = {"messages": [{"role": "user", "content": "Hello"}], "prompt": "Hello", "input": "Hello"}


@schemathesis.auth()
class Asker:
    """Somebody who may ask."""

    def get(self, _case: schemathesis.Case[Any], _context: schemathesis.AuthContext) -> dict[str, str]:
        """What the browser has, with the token against forged requests; or nothing but the key."""
        cookies: dict[str, str] = json.loads(os.environ.get("FUZZ_COOKIES", "{}"))
        return cookies

    def set(self, case: schemathesis.Case[Any], data: dict[str, str], _context: schemathesis.AuthContext) -> None:
        """Send it."""
        if _KEY:
            case.headers["Authorization"] = f"Bearer {_KEY}"
        else:
            case.cookies.update(data)
            case.headers["X-CSRFToken"] = data["csrftoken"]
            case.headers["Referer"] = os.environ["FUZZ_SITE"]


@schemathesis.hook
def map_body(_context: schemathesis.HookContext, body: Any) -> Any:
    """Ask a model that there is, and every other time something that it can answer: nearly all would end there."""
    if _MODEL and isinstance(body, dict) and isinstance(body.get("model"), str) and body["model"]:
        body["model"] = _MODEL
        if len(repr(body)) % 2:
            body |= {name: said for name, said in _QUESTION.items() if body.get(name)}
    return body
