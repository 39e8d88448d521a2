"""Signing in inside WeChat's browser: WeChat says who is there, without asking them (snsapi_base)."""

from datetime import datetime
from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction

from apps.accounts import selectors
from apps.accounts.contracts import SignedIn
from apps.accounts.errors import OAuthCodeNotValid, OAuthNotPermitted, WeChatUnavailable
from apps.accounts.gateways import official_account, refused_calls
from apps.accounts.services import qr_codes
from apps.accounts.services.members import identity_of, member_of

# A code is about 32 signs; anything longer is not WeChat's.
_LONGEST_CODE = 512
_NOT_PERMITTED = "wechat:oauth_not_permitted"


def can_offer_oauth() -> bool:
    """Whether WeChat has not refused it: only a verified service account has it, and the same goes for QR codes."""
    return not refused_calls.is_refused(_NOT_PERMITTED) and qr_codes.are_possible()


def authorize_url(*, redirect_uri: str, state: str) -> str:
    """Where to send WeChat's browser; it comes back to `redirect_uri` with a code and the same state."""
    # WeChat wants this order, and the fragment.
    query = urlencode(
        {
            "appid": settings.WECHAT_OA["APP_ID"],
            "redirect_uri": redirect_uri,
            "response_type": "code",
            "scope": "snsapi_base",
            "state": state,
        }
    )
    return f"{settings.WECHAT_OA['AUTHORIZE_URL']}?{query}#wechat_redirect"


def sign_in_with_oauth(*, code: str, invite_code: str, now: datetime) -> SignedIn:
    """Find out from WeChat who came back with this code, and make them a member if they are none.

    Raises OAuthCodeNotValid, OAuthNotPermitted, WeChatUnavailable.
    """
    if not 0 < len(code) <= _LONGEST_CODE:
        raise OAuthCodeNotValid()
    try:
        openid = official_account.from_settings().openid_of(code=code)
    except official_account.TemporaryFailure:
        raise WeChatUnavailable() from None
    except official_account.PermissionMissing:
        refused_calls.remember(_NOT_PERMITTED)
        raise OAuthNotPermitted() from None
    except official_account.PermanentFailure:
        raise OAuthCodeNotValid() from None
    with transaction.atomic():
        user, is_new = member_of(identity=identity_of(openid=openid, now=now), invite_code=invite_code, now=now)
    return SignedIn(profile=selectors.as_profile(user), is_new=is_new)
