"""What is drawn at random: codes, scenes, keys, and the names that newcomers start with."""

import secrets

from apps.accounts import rules


def new_code() -> str:
    """A fresh login code, every sign drawn independently."""
    return "".join(secrets.choice(rules.CODE_ALPHABET) for _ in range(rules.CODE_LENGTH))


def new_scene(*, confirm_number: str) -> str:
    """What a login QR code stands for: 128 random bits, in signs that WeChat allows, and the page's number.

    No phone sees its scene. The sandbox does: a program that confirms without a screen reads the number there.
    """
    return f"{rules.LOGIN_SCENE}{secrets.token_urlsafe(16)}_{confirm_number}"


def new_confirm_number() -> str:
    """What the page of an attempt shows, for the phone to send."""
    return secrets.choice(rules.CONFIRM_NUMBERS)


def default_nickname() -> str:
    """A friendly nickname that says nothing about the person, such as "云上的鹿"; many may share it."""
    return f"{secrets.choice(rules.NICKNAME_PLACES)}的{secrets.choice(rules.NICKNAME_CREATURES)}"


def new_backup_code() -> str:
    """A code to write down, in two halves: "4CDE7-HJKMN"."""
    code = "".join(secrets.choice(rules.CODE_ALPHABET) for _ in range(rules.BACKUP_CODE_LENGTH))
    half = len(code) // 2
    return f"{code[:half]}-{code[half:]}"


def new_api_key() -> str:
    """A fresh API key: "sk-" and letters and digits; a double click selects all of it but the prefix."""
    return rules.API_KEY_PREFIX + "".join(secrets.choice(rules.API_KEY_ALPHABET) for _ in range(rules.API_KEY_LENGTH))
