"""What a proposal says never changes, and no proposal goes; a migration of its own, because its unique key comes last."""

from django.db import migrations

from apps.kernel.append_only import columns_never_change, never_deleted

# What was proposed; the other columns say how it stands.
SAID = ("id", "created_at", "action", "content", "content_hash", "proposed_by", "reason", "expires_at")


class Migration(migrations.Migration):
    dependencies = [("kernel", "0005_proposals")]
    operations = [never_deleted("kernel_proposal"), columns_never_change("kernel_proposal", *SAID)]
