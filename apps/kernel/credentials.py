"""What a request brings to say who asks. Imports no DRF: its settings load authentication classes before its views."""


def bearer_token(header: str | None) -> str | None:
    """The token of an Authorization header that has the Bearer scheme; None for any other."""
    scheme, _, token = (header or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
