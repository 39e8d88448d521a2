"""manage.py audit: is everything that must never be false still true?"""

import itertools
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from apps.kernel import clock
from apps.kernel.invariants import all_invariants

SHOWN = 20


class Command(BaseCommand):
    """Run every class-A invariant; exit 1 on a breach."""

    help = "Check every invariant against the database. Prints one line each; exits 1 on a breach."

    def add_arguments(self, parser: CommandParser) -> None:
        """--only limits the run."""
        parser.add_argument("--only", nargs="*", metavar="I-NN", help="numbers of the invariants to check")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, print, and tell by the exit code."""
        now, broken, checked = clock.now(), 0, 0
        for item in all_invariants():
            if options["only"] and item.number not in options["only"]:
                continue
            checked += 1
            breaches = list(itertools.islice(item.check(now), SHOWN))
            self.stdout.write(f"{'BREACH' if breaches else 'ok':6} {item.number} {item.title}")
            for breach in breaches:
                self.stdout.write(f"       {breach.subject}: {breach.detail}")
            broken += bool(breaches)
        self.stdout.write(f"{checked} invariants checked, {broken} broken")
        if broken:
            raise SystemExit(1)
