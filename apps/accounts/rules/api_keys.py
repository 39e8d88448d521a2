"""The API keys of members."""

import string
from datetime import timedelta

API_KEY_PREFIX = "sk-"
# What follows the prefix: 238 bits.
API_KEY_ALPHABET = string.ascii_letters + string.digits
API_KEY_LENGTH = 40
# How much of a key's beginning is kept, to tell it from others.
SHOWN_OF_KEY = 9
KEYS_PER_MEMBER = 20
MAX_KEY_NAME = 60
# More than anybody has, and small enough for one row.
NETWORKS_PER_KEY, MODELS_PER_KEY = 20, 50
LARGEST_SPEND_CAP_MILLI = 10**12
MOST_REQUESTS_PER_MINUTE, MOST_TOKENS_PER_MINUTE, MOST_PARALLEL = 10_000, 1_000_000_000, 1_000
# How far behind "last used" of a key may be: it costs a write.
KEY_USED_EVERY = timedelta(minutes=5)
