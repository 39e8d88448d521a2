#!/usr/bin/env python
"""Django's command line; the embedded set-up is the default, production names its own settings."""

import sys

from django.core.management import execute_from_command_line

from config import env, supervisor


def main() -> None:
    """Run one management command; a set-up that cannot work gets one line."""
    supervisor.print_what_can_be_printed()
    with env.starting(exit_code=env.CANNOT_START):
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
