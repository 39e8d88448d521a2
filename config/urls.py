"""Every door of the site: pages, the JSON API, provider callbacks, the admin."""

from django.apps import apps
from django.contrib import admin
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView

from config.api_docs import KeptGenerator, api_docs
from config.views import home

handler400 = "apps.kernel.views.bad_request"
handler403 = "apps.kernel.views.permission_denied"
handler404 = "apps.kernel.views.page_not_found"
handler500 = "apps.kernel.views.server_error"

api = [
    path("", include("apps.accounts.api.urls")),
    path("", include("apps.chat.api.urls")),
    path("", include("apps.orders.api.urls")),
    path("", include("apps.marketing.api.urls")),
]

# Addresses are tried in this order: programs ask most, so theirs come first.
urlpatterns = [
    path("api/v1/", include(api)),
    re_path(r"^v1(?:/|\Z)", include("apps.chat.api.compatible.urls")),
    path("dashboard/billing/", include("apps.chat.api.compatible.billing_urls")),
    path("", home, name="home"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("apps.kernel.urls")),
    path("", include("apps.accounts.urls")),
    path("", include("apps.chat.urls")),
    path("", include("apps.orders.urls")),
    path("", include("apps.marketing.urls")),
    path("api/schema/", SpectacularAPIView.as_view(generator_class=KeptGenerator), name="schema"),
    path("api/docs/", api_docs, name="docs"),
    path("admin/", admin.site.urls),
]

if apps.is_installed("apps.sandbox"):
    urlpatterns += [path("sandbox/", include("apps.sandbox.urls"))]
