"""Sign-in and sign-out."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

import segno
from django.conf import settings
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import rules, services, sessions
from apps.accounts.api.me import ProfileOutput
from apps.accounts.contracts import AttemptState, SignInMethod
from apps.kernel import clock, visitors
from apps.kernel.api import SESSION_ONLY, Endpoint, StrictSerializer

ATTEMPT_COOKIE = "login_attempt"


class LoginAttempts(Endpoint):
    """POST /api/v1/auth/login-attempts: start signing this browser in."""

    permission_classes = (AllowAny,)
    scope = SESSION_ONLY
    created_status = 201

    class Input(StrictSerializer):
        """What brought the visitor, if they carry it."""

        invite = serializers.CharField(required=False, max_length=rules.INVITE_LENGTH, allow_blank=True)
        qr = serializers.BooleanField(required=False, default=True, help_text="false: no QR code is shown yet")

    class Output(serializers.Serializer[Any]):
        """How to go on."""

        id = serializers.UUIDField()
        methods = serializers.ListField(child=serializers.ChoiceField(choices=["code", "qr"]))
        qr_content = serializers.CharField(required=False, help_text="what the QR code contains; absent without qr")
        qr_image = serializers.CharField(required=False, help_text="the QR code as a data: URI of an SVG")
        confirm_number = serializers.CharField(help_text="what the phone that scans sends to say yes; show it")
        official_account = serializers.CharField()
        keyword = serializers.CharField()
        expires_at = serializers.DateTimeField()

    def post(self, request: Request) -> Response:
        """Open an attempt and give its secret to this browser only."""
        body = self.parse(request, self.Input)
        invite = body.get("invite") or request.COOKIES.get(sessions.INVITE_COOKIE, "")
        opened = services.open_attempt(
            address=visitors.address_of(request),
            user_agent=request.headers.get("User-Agent", ""),
            invite_code=invite[: rules.INVITE_LENGTH],
            with_qr=body["qr"],
            now=clock.now(),
        )
        answer = asdict(opened)
        if opened.qr_content:
            answer["qr_image"] = qr_image(opened.qr_content)
        else:
            del answer["qr_content"]
        response = Response(self.Output(answer).data, status=201)
        response.set_cookie(
            ATTEMPT_COOKIE,
            opened.browser_secret,
            max_age=int(rules.ATTEMPT_LIFETIME.total_seconds()),
            path=attempt_path(opened.id),  # two tabs, two attempts, two cookies
            httponly=True,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
        )
        return response


class LoginAttempt(Endpoint):
    """GET /api/v1/auth/login-attempts/{id}: where the attempt of this browser stands.

    The first look that finds it confirmed signs the browser in, under a new session.
    """

    permission_classes = (AllowAny,)
    scope = SESSION_ONLY

    class Output(serializers.Serializer[Any]):
        """Its state."""

        state = serializers.ChoiceField(choices=AttemptState.choices)

    def get(self, request: Request, attempt_id: UUID) -> Response:
        """Answer the state, and collect the session if it waits here."""
        now = clock.now()
        mine: dict[str, Any] = {
            "attempt_id": attempt_id,
            "browser_secret": request.COOKIES.get(ATTEMPT_COOKIE, ""),
            "now": now,
        }
        state = services.attempt_state(**mine)
        response = Response({"state": state.value})
        if state is not AttemptState.CONFIRMED or services.is_session_of_attempt(
            attempt_id=attempt_id, session_key=request._request.session.session_key
        ):
            return response
        if profile := services.take_session(**mine):
            sessions.sign_in(
                request._request, user_id=profile.id, method=SignInMethod.QR, now=now, attempt_id=attempt_id
            )
            sessions.remember_language(request._request, response, profile.language)
        return response


class LoginCode(Endpoint):
    """POST /api/v1/auth/login-attempts/{id}/code: sign this browser in with the code from the phone."""

    permission_classes = (AllowAny,)
    scope = SESSION_ONLY

    class Input(StrictSerializer):
        """The code as typed."""

        code = serializers.CharField(max_length=32)

    class Output(serializers.Serializer[Any]):
        """Who is signed in now."""

        user = ProfileOutput()

    def post(self, request: Request, attempt_id: UUID) -> Response:
        """Redeem the code and start a new session."""
        signed_in = services.sign_in_with_code(
            attempt_id=attempt_id,
            browser_secret=request.COOKIES.get(ATTEMPT_COOKIE, ""),
            code=self.parse(request, self.Input)["code"],
            address=visitors.address_of(request),
            now=clock.now(),
        )
        sessions.sign_in(
            request._request,
            user_id=signed_in.profile.id,
            method=SignInMethod.CODE,
            now=clock.now(),
            attempt_id=attempt_id,
        )
        response = Response({"user": ProfileOutput(signed_in.profile).data})
        response.delete_cookie(ATTEMPT_COOKIE, path=attempt_path(attempt_id), samesite="Lax")
        sessions.remember_language(request._request, response, signed_in.profile.language)
        return response


class Logout(Endpoint):
    """POST /api/v1/auth/logout: end this browser's session."""

    permission_classes = (AllowAny,)
    scope = SESSION_ONLY

    def post(self, request: Request) -> Response:
        """Forget the session on both sides; without one there is nothing to do."""
        sessions.sign_out(request._request, now=clock.now())
        return Response(status=204)


def qr_image(content: str) -> str:
    """A QR code drawn here: what it contains is nobody else's business."""
    return str(segno.make(content, error="m", micro=False).svg_data_uri(border=2, light="#fff", scale=8))


def attempt_path(attempt_id: UUID) -> str:
    """The addresses of one attempt, and the path of its cookie."""
    return f"/api/v1/auth/login-attempts/{attempt_id}"
