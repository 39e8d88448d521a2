"""Marketing's pages."""

from django.urls import path

from apps.marketing import views

urlpatterns = [
    path("welfare/", views.welfare, name="welfare"),
    path("welfare/odds/<uuid:version_id>/", views.odds, name="welfare-odds"),
    path("welfare/verify/", views.verify, name="welfare-verify"),
]
