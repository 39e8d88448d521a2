"""Addresses that belong to no app."""

from django.urls import path

from apps.kernel import views

urlpatterns = [
    path("healthz", views.healthz),
    path("readyz", views.readyz),
    path("metrics", views.metrics),
]
