"""Addresses of marketing's JSON API, under /api/v1/."""

from django.urls import path

from apps.marketing.campaigns import api as campaigns
from apps.marketing.draws import api as draws
from apps.marketing.earning import api as earning
from apps.marketing.exchange import api as exchange
from apps.marketing.odds import api as odds
from apps.marketing.pages import api as pages
from apps.marketing.points import api as points

urlpatterns = [
    path("balances", pages.ShowBalances.as_view()),
    path("stages/<slug:channel>/<slug:source>", campaigns.ShowStage.as_view()),
    path("activities/<uuid:activity_id>", campaigns.ShowActivity.as_view()),
    path("activities/<uuid:activity_id>/prizes", odds.ListPrizes.as_view()),
    path("activities/<uuid:activity_id>/odds", odds.ShowCurrentOdds.as_view()),
    path("activities/<uuid:activity_id>/winners", draws.ListWinners.as_view()),
    path("activities/<uuid:activity_id>/account", pages.ShowAccount.as_view()),
    path("activities/<uuid:activity_id>/draws", draws.DrawPrizes.as_view()),
    path("odds/<uuid:version_id>", odds.ShowOdds.as_view()),
    path("draws", draws.ListDraws.as_view()),
    path("draws/<uuid:draw_id>/proof", draws.ShowProof.as_view()),
    path("sign-in", earning.SignIn.as_view()),
    path("points", points.ShowPoints.as_view()),
    path("points/entries", points.ListPointsEntries.as_view()),
    path("exchange/items", exchange.ListExchangeItems.as_view()),
    path("exchange/orders", exchange.PlaceExchangeOrder.as_view()),
]
