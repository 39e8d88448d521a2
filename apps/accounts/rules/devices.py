"""Browsers in which somebody is signed in: for how long, and what they are called."""

from datetime import timedelta

from apps.accounts.rules.networks import UNKNOWN

# Of a browser, after its last page.
SESSION_LIFETIME = timedelta(days=14)
# How far behind "last seen" of a session may be: it costs a write.
SEEN_EVERY = timedelta(minutes=5)
KEEP_LOGINS = timedelta(days=180)
LOGINS_PER_PAGE = 10

# The first that matches: many browsers also claim to be those below them.
_BROWSERS = (
    ("MicroMessenger", "WeChat"), ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"), ("FxiOS", "Firefox"), ("Chrome", "Chrome"), ("CriOS", "Chrome"), ("Safari", "Safari"),
)  # fmt: skip
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("HarmonyOS", "HarmonyOS"), ("Android", "Android"),
    ("Windows", "Windows"), ("Macintosh", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


def browser_label(user_agent: str) -> str:
    """What a person would call this browser, such as "Chrome · Windows"; never the whole User-Agent."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    return " · ".join(filter(None, (browser, system))) or UNKNOWN
