"""manage.py reseal: seal every sealed value anew under the present SEALING_KEY; may a former key go? Is one lost?"""

import itertools
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.kernel import audit, audit_chain, clock, lost_keys, sealing
from apps.kernel.errors import DomainError


class Command(BaseCommand):
    """Reseal every column and say what is left under other keys; may be stopped and run again at any time."""

    help = "Seal every sealed value anew under SEALING_KEY, and say what still needs SEALING_KEY_FORMER."

    def add_arguments(self, parser: CommandParser) -> None:
        """--forget gives up what a lost key has sealed."""
        parser.add_argument("--forget", metavar="FINGERPRINT", help="give up the values that this key has sealed")
        parser.add_argument("--reason", default="", help="why; kept in the audit trail")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exits 1 while there are values that no key of the settings opens."""
        if options["forget"]:
            self._forget(options["forget"], options["reason"])
        left = 0
        for column in itertools.chain(sealing.reseal(), [audit_chain.reseal(now=clock.now())]):
            left += column.left
            self.stdout.write(f"{column.column}: {column.resealed} resealed, {column.left} left")
        for name, count in sealing.hashes_by_former_keys():
            self.stdout.write(f"{name}: {count} known by another key")
        if left:
            raise CommandError(f"{left} values are left that no key of the settings opens")
        self.stdout.write("no sealed value needs a former key")

    def _forget(self, key_id: str, reason: str) -> None:
        try:
            given_up = lost_keys.forget(key_id=key_id, actor=audit.SYSTEM, reason=reason, now=clock.now())
        except DomainError as refusal:
            raise CommandError(str(refusal.title)) from None
        for column, count in given_up.items():
            self.stdout.write(f"{column}: {count} given up")
