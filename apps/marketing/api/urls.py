"""Addresses of marketing's JSON API, under /api/v1/."""

from django.urls import path

from apps.marketing.api import activities, draws, points

urlpatterns = [
    path("balances", points.ShowBalances.as_view()),
    path("stages/<slug:channel>/<slug:source>", activities.ShowStage.as_view()),
    path("activities/<uuid:activity_id>", activities.ShowActivity.as_view()),
    path("activities/<uuid:activity_id>/prizes", activities.ListPrizes.as_view()),
    path("activities/<uuid:activity_id>/odds", activities.ShowCurrentOdds.as_view()),
    path("activities/<uuid:activity_id>/winners", activities.ListWinners.as_view()),
    path("activities/<uuid:activity_id>/account", draws.ShowAccount.as_view()),
    path("activities/<uuid:activity_id>/draws", draws.DrawPrizes.as_view()),
    path("odds/<uuid:version_id>", activities.ShowOdds.as_view()),
    path("draws", draws.ListDraws.as_view()),
    path("draws/<uuid:draw_id>/proof", draws.ShowProof.as_view()),
    path("sign-in", points.SignIn.as_view()),
    path("points", points.ShowPoints.as_view()),
    path("points/entries", points.ListPointsEntries.as_view()),
    path("exchange/items", points.ListExchangeItems.as_view()),
    path("exchange/orders", points.PlaceExchangeOrder.as_view()),
]
