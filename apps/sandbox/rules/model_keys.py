"""Whether a call to the model server shows its key, as itself or in a token as Zhipu takes them."""

import base64
import hashlib
import hmac
import json
from typing import Any

# Keys of somebody who brings their own: one that works, one whose account is empty, one that has asked too much. Any
# other is refused.
OWN_KEY = "sk-sandbox-own-key-works"
OWN_KEY_EMPTY = "sk-sandbox-own-key-empty"
OWN_KEY_BUSY = "sk-sandbox-own-key-busy"

# The id before the dot of a key of Zhipu's form; its secret is the server's key.
KEY_ID = "simid0001"


def is_accepted(authorization: str, *, key: str, now_ms: int) -> bool:
    """Whether the header holds the key, or a token that its secret signed and that is not over."""
    token = authorization.removeprefix("Bearer ")
    known_ones = (key, f"{KEY_ID}.{key}", OWN_KEY, OWN_KEY_EMPTY, OWN_KEY_BUSY)
    if any(hmac.compare_digest(token.encode(), known.encode()) for known in known_ones):
        return authorization != token
    signed, _, mark = token.rpartition(".")
    right = hmac.new(key.encode(), signed.encode(), hashlib.sha256).digest()
    if not hmac.compare_digest(mark.encode(), base64.urlsafe_b64encode(right).rstrip(b"=")):
        return False
    claims = _read(signed.partition(".")[2])
    until = claims.get("exp")
    return claims.get("api_key") == KEY_ID and isinstance(until, int) and until > now_ms


def _read(part: str) -> dict[str, Any]:
    claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims if isinstance(claims, dict) else {}
