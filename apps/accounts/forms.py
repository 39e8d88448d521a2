"""What operators type to come in."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy


def _code_field(**more: Any) -> forms.CharField:
    attrs = {"autocomplete": "one-time-code", "inputmode": "text", "maxlength": "20"}
    return forms.CharField(max_length=20, strip=True, widget=forms.TextInput(attrs=attrs), **more)


def _password_field() -> forms.CharField:
    return forms.CharField(
        max_length=200,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        label=gettext_lazy("Password"),
    )


class OperatorLoginForm(forms.Form):
    """User name, password, and the code for who has set one up."""

    username = forms.CharField(
        max_length=64,
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "username"}),
        label=gettext_lazy("User name"),
    )
    password = _password_field()
    code = _code_field(
        required=False,
        label=gettext_lazy("Code"),
        help_text=gettext_lazy("Of your authenticator app, or a backup code; empty if you have none."),
    )


class SecondFactorForm(forms.Form):
    """The password again, and a code: a session left open is not enough to change how its operator signs in."""

    password = _password_field()
    code = _code_field(label=gettext_lazy("Code"))
