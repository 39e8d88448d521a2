"""`manage.py verify_label FILE`: who generated a file, as it says itself, and whether it is as this site wrote it."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.chat import services


class Command(BaseCommand):
    """Reads the AI label of a Markdown or JSON file, of a picture, or of an archive of a member's own data."""

    help = (
        "Say who generated a file by its AI label (GB 45438-2025), and whether it was changed since. Exit code 1: no."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """The file."""
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what it says. Raises CommandError for a file without a label, or one that was changed."""
        try:
            content = options["file"].read_bytes()
        except OSError as error:
            raise CommandError(f"this file cannot be read: {error.strerror}") from None
        found = services.verify_label(content=content)
        if not found.label:
            raise CommandError("this file has no AI label")
        self.stdout.write(f"label      {found.label}")
        self.stdout.write(f"producer   {found.producer}")
        self.stdout.write(f"produce id {found.produce_id}")
        if found.is_ours:
            self.stdout.write("written by this site, and unchanged since")
        elif found.has_code:
            raise CommandError("not as this site wrote it: it was changed, or written elsewhere")
        else:
            self.stdout.write("without a code by which changes could be seen")
