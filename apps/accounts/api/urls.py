"""JSON doors of accounts, under /api/v1/."""

from django.urls import path

from apps.accounts.api import (
    keys,
    me,
    schemes,  # noqa: F401  # known to the schema once imported
    sessions,
    sign_in,
    streams,
)

urlpatterns = [
    path("auth/login-attempts", sign_in.LoginAttempts.as_view()),
    path("auth/login-attempts/<uuid:attempt_id>", sign_in.LoginAttempt.as_view()),
    path("auth/login-attempts/<uuid:attempt_id>/code", sign_in.LoginCode.as_view()),
    path("auth/login-attempts/<uuid:attempt_id>/events", streams.attempt_events, name="login-events"),
    path("auth/logout", sign_in.Logout.as_view()),
    path("me", me.Me.as_view()),
    path("me/sessions", sessions.Sessions.as_view()),
    path("me/sessions/<uuid:session_id>", sessions.Session.as_view()),
    path("me/logins", sessions.Logins.as_view()),
    path("api-keys", keys.ApiKeys.as_view()),
    path("api-keys/<uuid:key_id>", keys.ApiKey.as_view()),
    path("me/export", me.OwnData.as_view()),
]
