"""The official account's API misbehaving: which fault strikes a call, and how it feels to the caller."""

import time

from apps.sandbox.errors import AccountRefusal, Broken
from apps.sandbox.rules.faults import Area
from apps.sandbox.services import faults

# More than a caller should wait.
_SILENCE_SECONDS = 10.0
_REFUSALS = {
    "token_invalid": AccountRefusal(40001, "invalid credential, access_token is invalid or not latest"),
    "token_invalid_forever": AccountRefusal(40001, "invalid credential, access_token is invalid or not latest"),
    "quota": AccountRefusal(45009, "reach max api daily quota limit"),
    "no_permission": AccountRefusal(48001, "api unauthorized"),
    "busy": AccountRefusal(-1, "system error"),
}
# What a call can suffer: WeChat itself may be in trouble; a call in the account's name may also lack the right or the
# quota; a call with an access token may lose that, which is everything there is.
OUTAGES = ("busy", "http500", "timeout")
REFUSALS_AND_OUTAGES = ("quota", "no_permission", *OUTAGES)
EVERYTHING = None


def strike(*, among: tuple[str, ...] | None) -> None:
    """Let a call suffer the fault that is on, if it is one of these.

    Raises AccountRefusal, Broken.
    """
    fault = faults.take(area=Area.ACCOUNT_API, among=among)
    if fault in _REFUSALS:
        raise _REFUSALS[fault]
    if fault == "timeout":
        time.sleep(_SILENCE_SECONDS)
    if fault:
        raise Broken
