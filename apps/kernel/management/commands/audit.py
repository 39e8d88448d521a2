"""manage.py audit: is everything that must never be false still true?"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.kernel import audit_chain, clock
from apps.kernel.invariants import all_invariants, find, since_last_run

SHOWN = 20


class Command(BaseCommand):
    """Run every class-A invariant; exit 1 on a breach."""

    help = "Check every invariant against the database. Prints one line each; exits 1 on a breach. Changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        """--only limits the checks, --recent the rows; --head adds a question."""
        parser.add_argument("--only", nargs="*", metavar="I-NN", help="numbers of the invariants to check")
        parser.add_argument(
            "--head", metavar="N:HASH", help="a head that the log told: is it still on the trail's chain?"
        )
        rows = parser.add_mutually_exclusive_group()
        rows.add_argument("--full", action="store_true", help="look at every row (this is the default)")
        rows.add_argument("--recent", action="store_true", help="look where the run of each minute looks")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, print, and tell by the exit code."""
        now, broken, chosen = clock.now(), 0, all_invariants()
        if options["only"]:
            unknown = sorted(set(options["only"]) - {item.number for item in chosen})
            if unknown:
                raise CommandError(f"no invariant has this number: {', '.join(unknown)}")
            chosen = tuple(item for item in chosen if item.number in options["only"])
        for item in chosen:
            since = since_last_run(item, now=now) if options["recent"] else None
            breaches = find(item, now=now, since=since).breaches
            self.stdout.write(f"{'BREACH' if breaches else 'ok':6} {item.number} {item.title}")
            for breach in breaches[:SHOWN]:
                self.stdout.write(f"       {breach.subject}: {breach.detail}")
            broken += bool(breaches)
        if options["head"]:
            is_there = self._has(options["head"])
            self.stdout.write(f"{'ok' if is_there else 'BREACH':6} the audit trail goes through {options['head']}")
            broken += not is_there
        self.stdout.write(f"{len(chosen)} invariants checked, {broken} broken")
        if broken:
            raise SystemExit(1)

    def _has(self, head: str) -> bool:
        try:
            return audit_chain.has(head)
        except ValueError:
            raise CommandError("a head is a number, a colon and a hash, as the log has it") from None
