"""Pages of accounts and the provider callback."""

from django.urls import path

from apps.accounts import views
from apps.accounts.admin import pages

urlpatterns = [
    # Before the admin's own addresses: reverse("admin:login") leads here.
    path("admin/login/", pages.sign_in, name="operator-login"),
    path("admin/second-factor/", pages.second_factor, name="operator-second-factor"),
    path("admin/password_change/", pages.ChangePassword.as_view(), name="operator-password"),
    path("wechat/callback", views.wechat_callback, name="wechat-callback"),
    path("login/", views.login_page, name="login"),
    path("login/wechat/", views.go_to_wechat, name="login-wechat"),
    path("login/wechat/back", views.back_from_wechat, name="login-wechat-back"),
    path("account/", views.account_page, name="account"),
    path("account/security/", views.security_page, name="account-security"),
    path("account/keys/", views.keys_page, name="account-keys"),
    path("account/data/", views.data_page, name="account-data"),
    path("avatars/<str:code>.svg", views.avatar, name="avatar"),
]
