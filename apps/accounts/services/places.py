"""Where a browser is, in words: what a person can compare with where they are."""

from django.utils.translation import gettext as _

from apps.accounts import rules


def network_in_words(network: str) -> str:
    """A coarse network as people read it, never as CIDR.

    An address that the internet does not know says little: it may be this machine's, or that of a proxy close by.
    """
    if network == rules.UNKNOWN:
        return _("unknown network")
    if rules.is_local_network(network):
        return _("an internal network")
    return _("the internet, address begins with %(beginning)s") % {"beginning": rules.beginning_of(network)}
