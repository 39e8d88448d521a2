"""How members sign in: codes, attempts, and how often anybody may try."""

import unicodedata
from datetime import timedelta

from apps.accounts.contracts import MemberStatus

# Nothing here is mistaken for another sign when read off a phone: no 0 O Q, 1 I L, 2 Z, 5 S, 8 B, U V.
CODE_ALPHABET = "34679ACDEFGHJKMNPRTWXY"
CODE_LENGTH = 6
CODE_MINUTES = 3
CODE_LIFETIME = timedelta(minutes=CODE_MINUTES)

# Also how long its QR code can be scanned.
ATTEMPT_LIFETIME = timedelta(minutes=5)
TRIES_PER_ATTEMPT = 5
# In a minute. A school or a mobile carrier may stand behind one address too; an attempt by itself proves nothing.
ATTEMPTS_PER_ADDRESS = 300
# In an hour. Of 100 000 QR codes that WeChat makes in a day: no neighbourhood (/24, /48) can have more than 3 % of
# them. Whoever gets none signs in by the code.
QR_CODES_PER_NEIGHBOURHOOD = 120
# Not at once: of two questions at the same moment one gets the session.
COLLECT_AGAIN_AFTER, COLLECT_AGAIN_WITHIN = timedelta(seconds=1), timedelta(seconds=30)
# Streams that one attempt may have open: its browser may show the page in a few tabs. And one network, behind which
# a school may be; who is refused asks every two seconds instead.
STREAMS_PER_ATTEMPT = 6
STREAMS_PER_NETWORK = 100

# In a minute; only wrong codes count. One address may belong to an office. Above 600 each address has three left, so
# that 1 000 addresses guess 9 000 times in a code's life, against 22^6 = 113 million codes.
WRONG_CODES_PER_ADDRESS = 20
WRONG_CODES_IN_ALL = 600
WRONG_CODES_IN_FLOOD = 3

# How long WeChat's browser may be away with our question, and how many questions in a minute. Each makes a session
# row; a school may stand behind one address.
OAUTH_LIFETIME = timedelta(minutes=5)
OAUTH_PER_NETWORK = 300


def may_come_in(*, status: str, is_staff: bool) -> bool:
    """Whether an account of this status may sign in: a frozen member may come and look, a frozen operator may not."""
    return status == MemberStatus.ACTIVE or (status == MemberStatus.FROZEN and not is_staff)


def normalise_code(text: str) -> str:
    """A code as it was issued, from what somebody typed: full-width, lower case, spaces and dashes are forgiven."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", text).upper() if sign.isalnum())
