#!/usr/bin/env python
"""Django's command line; the embedded set-up is the default, production names its own settings."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> None:
    """Run one management command; a set-up that cannot work gets one line and exit code 2."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.embedded")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.stderr.write(f"Chatloop cannot start: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
