"""Set the site up for a demonstration: `manage.py load_demo`."""

from typing import Any

from django.core.management.base import BaseCommand

from apps.kernel import clock
from config import demo, env


class Command(BaseCommand):
    """Load the demonstration into a site that nobody has set up; a second call does nothing."""

    help = "Load models, products, an activity and an operator account, if the site has no operator yet."

    def handle(self, *args: Any, **options: Any) -> None:
        """Load, and print the operator's password the only time that anybody knows it."""
        if demo.is_loaded():
            return
        password = demo.load(now=clock.now())
        another = env.again(f".venv/bin/python manage.py changepassword {demo.OPERATOR}")
        self.stdout.write(
            f"\n  Operator account · 后台账号: {demo.OPERATOR}   password · 密码: {password}\n"
            f"  It is shown only now · 只显示这一次. Another one: {another}\n"
        )
