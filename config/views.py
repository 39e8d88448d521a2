"""The front page, which belongs to no app."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from apps.chat import services as chat


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Visitors read what this is; members go on where they work."""
    if request.user.is_authenticated:
        return redirect(settings.LOGIN_REDIRECT_URL)
    return render(request, "pages/home.html", {"free_per_day": chat.policy_on_show().free_per_day})
