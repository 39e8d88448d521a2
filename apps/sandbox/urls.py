"""Everything below /sandbox/: the phone, and one address per provider that speaks its protocol."""

from django.urls import include, path, re_path

from apps.sandbox.views import image_server, model_server, moderator, official_account, pages, wechat_pay

_wechat = [
    path("cgi-bin/token", official_account.token),
    path("cgi-bin/stable_token", official_account.stable_token),
    path("cgi-bin/qrcode/create", official_account.create_qrcode),
    path("cgi-bin/user/info", official_account.user_info),
    path("cgi-bin/message/custom/send", official_account.send_service_message),
    path("sns/oauth2/access_token", official_account.oauth_token),
    path("connect/oauth2/authorize", pages.authorize, name="sandbox_authorize"),
]

_wechat_pay = [
    path("native", wechat_pay.place),
    path("id/<str:transaction_id>", wechat_pay.find_by_id),
    path("out-trade-no/<str:out_trade_no>", wechat_pay.find_by_out_trade_no),
    path("out-trade-no/<str:out_trade_no>/close", wechat_pay.close),
]

_models = [
    path("chat/completions", model_server.completions_view),
    path("embeddings", model_server.embeddings),
    path("images/generations", image_server.generations),
    # By what answers of the line above give.
    path("drawn/<str:name>", image_server.drawn),
    path("models", model_server.models),
    path("models/<str:model_id>", model_server.model),
    path("stat", model_server.stat),
]

urlpatterns = [
    path("", pages.phone_page, name="sandbox"),
    path("", include("apps.sandbox.api.urls")),
    path("wechat/", include(_wechat)),
    path("wechatpay/v3/pay/transactions/", include(_wechat_pay)),
    path("llm/v1/", include(_models)),
    path("moderator/v1/look", moderator.look),
    # As Zhipu has it.
    path("llm/api/paas/v4/chat/completions", model_server.completions_view, {"counts_at_end": True}),
    path("llm/api/paas/v4/images/generations", image_server.generations, {"is_zhipu": True}),
    # Where a provider has nothing, it says so in its own words.
    re_path(r"^wechat(?:/|$)", official_account.unknown),
    re_path(r"^wechatpay(?:/|$)", wechat_pay.unknown),
    re_path(r"^llm(?:/|$)", model_server.unknown),
]
