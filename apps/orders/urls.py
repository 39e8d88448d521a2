"""Pages of the shop, and the address that payment providers notify."""

from django.urls import path

from apps.orders import views

app_name = "orders"

urlpatterns = [
    path("shop/", views.shop, name="shop"),
    path("orders/", views.order_list, name="list"),
    path("orders/<uuid:order_id>/", views.order_page, name="order"),
    path("orders/<uuid:order_id>/qr.svg", views.order_code, name="code"),
    path("pay/<slug:gateway>/notify", views.payment_notice, name="payment-notice"),
]
