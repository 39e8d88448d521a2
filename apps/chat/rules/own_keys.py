"""Members' own keys: where they may be asked, how often they are tested, and what their failures are called."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from apps.chat import errors
from apps.kernel import outbound
from apps.kernel.errors import _

# Tests of one member, saving included; and how many are under way at a time in a process, of a member and of all. Each
# holds one of its threads for up to twelve seconds.
TESTS_PER_WINDOW = 10
TEST_WINDOW = timedelta(minutes=10)
TESTS_OF_ONE = 1
TESTS_AT_ONCE = 12
# How many answers with own keys an engine writes at once: somebody's slow provider leaves room for all others.
MAX_RUNNING_OWN = 80

# The member's own failure, told as such: not the site's, and nobody's to be blamed here.
KEY_GONE = "own_key_gone"
_FAILED = "own_key_failed"
_CODES: Mapping[str, str] = MappingProxyType(
    {
        "upstream_key_refused": "own_key_refused",
        "upstream_arrears": "own_key_arrears",
        "upstream_busy": "own_key_busy",
        "upstream_model_unknown": "own_key_without_model",
        "upstream_address_refused": "own_key_address",
    }
)
# What a member reads of them; in the pages, too.
OWN_FAILURES: Mapping[str, str] = MappingProxyType(
    {
        "own_key_refused": _("Your own key was refused by its provider. Nothing was charged here."),
        "own_key_arrears": _("The account of your own key is empty, says its provider. Nothing was charged here."),
        "own_key_busy": _("Your own key may not ask more at the moment, says its provider. Nothing was charged here."),
        "own_key_without_model": _("Your own key cannot use this model, says its provider. Nothing was charged here."),
        "own_key_address": _("The address of your own key is not a public one. Nothing was charged here."),
        "own_key_failed": _("The provider of your own key did not answer. Nothing was charged here."),
        "own_key_gone": _("Your own key is gone, so your question was not asked. Nothing was charged here."),
    }
)
# What a test showed, to its member.
OWN_TESTS: Mapping[str, str] = MappingProxyType(
    {
        "own_key_refused": _("The provider refuses this key."),
        "own_key_arrears": _("The account of this key is empty, says its provider."),
        "own_key_busy": _("This key may not ask more at the moment, says its provider."),
        "own_key_without_model": _("This key cannot use the model that it was tried with, says its provider."),
        "own_key_address": _("The address of this key is not a public one."),
        "own_key_failed": _("The provider did not answer."),
        "own_key_gone": _("This key cannot be read any more. Enter it again."),
        "empty_answer": _("The provider answered without a word."),
    }
)
# Of these a test says that the key is of no use as it is, so that it is not kept.
_NOT_KEPT = {"upstream_key_refused": errors.OwnKeyRefused, "upstream_address_refused": errors.OwnAddressRefused}


def of_own_key(code: str) -> str:
    """What a failure of a provider is called where its member's own key asked; other codes stay as they are."""
    return _CODES.get(code, _FAILED) if code.startswith("upstream_") else code


def check_keeps(code: str) -> None:
    """Raise OwnKeyRefused, OwnAddressRefused after a test that shows that the key can never do; another may pass."""
    if code in _NOT_KEPT:
        raise _NOT_KEPT[code]


def check_own_address(base_url: str, *, our_host: str) -> None:
    """Raise OwnAddressRefused for what is no public base URL, or is our own site, which would ask itself."""
    try:
        where = outbound.check(base_url)
    except outbound.AddressRefused:
        raise errors.OwnAddressRefused from None
    if where.query_string or (where.raw_host == our_host and where.scheme == "https"):
        raise errors.OwnAddressRefused
