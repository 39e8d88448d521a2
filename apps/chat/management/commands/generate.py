"""`manage.py generate`: the process that writes the answers."""

import asyncio
import gc
import signal
import sys
from typing import Any

from django.core.management.base import BaseCommand

from apps.chat import services
from apps.chat.engine.loop import Engine

_SWITCH_SECONDS = 0.0005


class Command(BaseCommand):
    """Runs the generation engine until SIGTERM or SIGINT."""

    help = "Carry out queued generations until told to end (SIGTERM, SIGINT). Any number may run side by side."
    # They import every page: a quarter of this process's memory, for what `manage.py check` looks at.
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it."""
        # What is here now stays: the garbage collector need not look through it while answers wait.
        gc.freeze()
        # The loop waits so long for a thread that computes: at most 5 ms by default, at each of its steps.
        sys.setswitchinterval(_SWITCH_SECONDS)
        asyncio.run(_work())


async def _work() -> None:
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    await Engine(services).work(ending)
