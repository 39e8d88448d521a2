"""Every account that is there belongs to a person of its own, with the same id: other apps find theirs by it.

Who closed an account before this has no hash: their openid is erased, and they come back as somebody new.
"""

import hashlib
import hmac
from itertools import islice

from django.conf import settings
from django.db import migrations
from django.db.models import F

CHUNK = 1000


def forwards(apps, schema_editor):
    Person, User, ListEntry, WeChatIdentity = (
        apps.get_model("accounts", name) for name in ("Person", "User", "ListEntry", "WeChatIdentity")
    )
    secret = settings.PERSON_KEY.encode()
    key_id = hashlib.sha256(b"person key\n" + secret).hexdigest()[:12]
    users = User.objects.filter(person=None).order_by("pk").values_list("pk", "created_at").iterator(CHUNK)
    while rows := list(islice(users, CHUNK)):
        # The newest identity of a user is the one that they come back with.
        identities = WeChatIdentity.objects.filter(user__in=[pk for pk, _ in rows]).order_by("pk")
        names = {user_id: f"{app_id}\n{openid}" for user_id, app_id, openid in identities.values_list("user_id", "app_id", "openid")}
        Person.objects.bulk_create(
            Person(
                id=pk,
                created_at=created_at,
                key_hash=hmac.digest(secret, names[pk].encode(), "sha256").hex() if pk in names else None,
                key_id=key_id if pk in names else "",
            )
            for pk, created_at in rows
        )
    User.objects.filter(person=None).update(person_id=F("id"))
    ListEntry.objects.filter(person=None).update(person_id=F("user_id"))


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0005_persons"),
    ]

    operations = [migrations.RunPython(forwards, migrations.RunPython.noop, elidable=False)]
