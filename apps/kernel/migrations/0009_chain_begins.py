"""Entries of the time before the chain are its first links, as they are; a new site begins with its first entry."""

from django.db import migrations

from apps.kernel import audit_chain


def begin(apps, schema_editor):
    """Link every entry; no keyed hash is made for what somebody else may have written."""
    AuditEntry, AuditLink = apps.get_model("kernel", "AuditEntry"), apps.get_model("kernel", "AuditLink")
    links, last = [], ""
    for sequence, entry in enumerate(AuditEntry.objects.order_by("pk").iterator(), 1):
        last = audit_chain.next_hash(last, entry)
        links.append(AuditLink(sequence=sequence, entry=entry, hash=last))
    if links:
        AuditLink.objects.bulk_create(links, batch_size=500)
        mac = audit_chain.mac_of_head(len(links), last)
        apps.get_model("kernel", "AuditHead").objects.create(sequence=len(links), hash=last, mac=mac)


class Migration(migrations.Migration):

    dependencies = [
        ("kernel", "0008_chained_trail"),
        # The one migration that writes entries itself: before the chain, or nobody would have put them on it.
        ("accounts", "0010_rights_never_change"),
    ]

    operations = [migrations.RunPython(begin, migrations.RunPython.noop, elidable=False)]
