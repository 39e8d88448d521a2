"""Who may hold the phone, and what a phone's owner is called."""

import ipaddress
import re
from urllib.parse import urlsplit

from apps.sandbox.errors import NotOnThisMachine

OPENID = "[A-Za-z0-9_-]{1,64}"


def is_openid(text: str) -> bool:
    """Whether a text has the shape of an openid."""
    return re.fullmatch(OPENID, text) is not None


def check_is_local(*, is_published: bool, address: str, is_forwarded: bool, origin: str, host: str) -> None:
    """Accept a loopback address, and of web pages only our own (`origin` is empty for programs).

    Raises NotOnThisMachine: the phone needs no password, so neither another machine, nor a proxy
    on this one, nor another site open in this machine's browser may press its buttons. Not every proxy says
    that it is one: where the site goes by a name that others can use (`is_published`), nobody may.
    """
    try:
        is_local = ipaddress.ip_address(address).is_loopback
    except ValueError:
        is_local = False
    if is_published or not is_local or is_forwarded or (origin and urlsplit(origin).netloc != host):
        raise NotOnThisMachine
