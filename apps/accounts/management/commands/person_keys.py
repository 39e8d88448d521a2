"""manage.py person_keys: which secrets are persons known by, and which former one may go?"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounts import services
from apps.accounts.contracts import PersonKeyUse
from apps.kernel import audit, clock
from apps.kernel.errors import DomainError

_ADVICE = {
    "former": "still needed in PERSON_KEY_FORMER",
    "unknown": "put it into PERSON_KEY_FORMER, or give it up with --forget",
}


class Command(BaseCommand):
    """List the secrets by fingerprint; give one up on request."""

    help = "Show by fingerprint which secrets persons are known by, and which of PERSON_KEY_FORMER may go."

    def add_arguments(self, parser: CommandParser) -> None:
        """--forget gives a lost secret up."""
        parser.add_argument("--forget", metavar="FINGERPRINT", help="erase the hashes that this secret made")
        parser.add_argument("--reason", default="", help="why; kept in the audit trail")

    def handle(self, *args: Any, **options: Any) -> None:
        """Forget or list."""
        if options["forget"]:
            try:
                count = services.forget_person_key(
                    key_id=options["forget"], actor=audit.SYSTEM, reason=options["reason"], now=clock.now()
                )
            except DomainError as refusal:
                raise CommandError(str(refusal.title)) from None
            self.stdout.write(f"{count} hashes erased")
        for use in services.person_keys():
            self.stdout.write(f"{use.key_id} {use.standing:7} {use.persons:8} persons  {_advice(use)}".rstrip())


def _advice(use: PersonKeyUse) -> str:
    if use.standing == "former" and not use.persons:
        return "may go from PERSON_KEY_FORMER"
    return _ADVICE.get(use.standing, "")
