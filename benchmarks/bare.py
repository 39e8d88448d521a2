"""The least that answers as one of our endpoints does: DRF, a token, one query. The ceiling of `benchmarks/serving.py`.

Served by the same dispatcher and threads, on a database of its own, next to no middleware. Run as a script it makes
the tables and prints a token.
"""

import os
import sys
from pathlib import Path
from typing import Any

import django
from django.conf import settings

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from config import stores  # after the path that it is on

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    DATABASES={"default": stores.database()},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "rest_framework.authtoken"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],  # says how long an answer is
    ROOT_URLCONF=__name__,
    SECRET_KEY="bare",  # noqa: S106
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    REST_FRAMEWORK={"DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"]},
)
django.setup(set_prefix=False)

from django.contrib.auth.models import Group, User  # noqa: E402  # after the settings that it reads
from django.core.management import call_command  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.authentication import TokenAuthentication  # noqa: E402
from rest_framework.authtoken.models import Token  # noqa: E402
from rest_framework.permissions import IsAuthenticated  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from config.dispatcher import Dispatcher  # noqa: E402
from config.on_loop import OnLoop  # noqa: E402
from config.threads import Synchronous, Threads  # noqa: E402


class Points(APIView):
    """One query."""

    authentication_classes = [TokenAuthentication]
    permission_classes = [IsAuthenticated]

    class Output(serializers.Serializer[Any]):
        """One number."""

        points = serializers.IntegerField()

    def get(self, request: Request) -> Response:
        """Answer it."""
        return Response(self.Output({"points": Group.objects.get(user=request.user.pk).pk}).data)


urlpatterns = [path("points", Points.as_view())]

if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    user = User.objects.create(username=os.urandom(8).hex())
    user.groups.add(Group.objects.create(name=user.username))
    print(Token.objects.create(user=user).key)
else:
    application = Dispatcher(streams=OnLoop(), threads=Threads(Synchronous(), most=32), apart={})
