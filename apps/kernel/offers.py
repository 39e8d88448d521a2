"""What is shown is what is bought: the version of an offer is the fingerprint of everything it promises."""

import hashlib
import json

# 64 bits, hexadecimal. It need not withstand forgers: naming an offer can only refuse.
_LENGTH = 16


def version_of(**promised: str | int | list[str] | None) -> str:
    """The version of an offer with these terms: equal terms have equal versions, whenever they were saved."""
    text = json.dumps(promised, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]
