"""Marketing's pages."""

from django.urls import path

from apps.marketing.pages import views

urlpatterns = [
    path("welfare/", views.welfare, name="welfare"),
    path("account/movements/", views.movements, name="account-movements"),
    path("welfare/odds/<uuid:version_id>/", views.odds, name="welfare-odds"),
    path("welfare/verify/", views.verify, name="welfare-verify"),
]
