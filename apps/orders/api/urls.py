"""Addresses of the JSON API of orders."""

from django.urls import path

from apps.orders.api import views

urlpatterns = [
    path("products", views.Products.as_view()),
    path("orders", views.Orders.as_view()),
    path("orders/<uuid:order_id>", views.OneOrder.as_view()),
    path("orders/<uuid:order_id>/check", views.CheckOrder.as_view()),
    path("orders/<uuid:order_id>/cancel", views.CancelOrder.as_view()),
]
