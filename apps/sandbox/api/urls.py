"""What the phone page does, for programs: the phone's buttons, and the switches around it."""

from django.urls import include, path, register_converter

from apps.sandbox.api import bench, phone
from apps.sandbox.rules.visitors import OPENID


class OpenidConverter:
    """The alphabet of openids."""

    regex = OPENID

    def to_python(self, value: str) -> str:
        """The openid itself."""
        return value

    def to_url(self, value: str) -> str:
        """The openid itself."""
        return value


register_converter(OpenidConverter, "openid")

_phone = [
    path("", phone.Phones.as_view()),
    path("<openid:openid>", phone.Screen.as_view()),
    path("<openid:openid>/follow", phone.Follow.as_view()),
    path("<openid:openid>/unfollow", phone.Unfollow.as_view()),
    path("<openid:openid>/text", phone.Text.as_view()),
    path("<openid:openid>/scan", phone.Scan.as_view()),
    path("<openid:openid>/confirm", phone.Confirm.as_view()),
    path("<openid:openid>/pay", phone.Pay.as_view()),
]

urlpatterns = [
    path("phone/", include(_phone)),
    path("faults", bench.Faults.as_view()),
    path("account", bench.AccountType.as_view()),
]
