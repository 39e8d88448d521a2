"""What runs on a schedule, in seconds or by the clock. Each entry sweeps rows that a wake-up call may have missed."""

from typing import Any

from celery.schedules import crontab

SCHEDULE: dict[str, dict[str, Any]] = {
    "outbox": {"task": "apps.kernel.tasks.sweep_outbox", "schedule": 2.0, "options": {"expires": 10}},
    "audit-recent": {"task": "apps.kernel.tasks.audit_recent", "schedule": 60.0, "options": {"expires": 50}},
    # In the business time zone, when the fewest are awake: it reads whole tables.
    "audit-everything": {"task": "apps.kernel.tasks.audit_everything", "schedule": crontab(hour="4", minute="17")},
    "audit-chain": {"task": "apps.kernel.tasks.sweep_audit_chain", "schedule": 60.0, "options": {"expires": 50}},
    # Before the night's audit, which then says whether all before it is as it was.
    "audit-head": {"task": "apps.kernel.tasks.tell_audit_head", "schedule": crontab(hour="4", minute="7")},
    "forget-old-rows": {"task": "apps.kernel.tasks.forget_old_rows", "schedule": 3600.0},
    "accounts-forget-old": {"task": "apps.accounts.tasks.forget_old", "schedule": 3600.0},
    "ledger-expire-lots": {"task": "apps.ledger.tasks.expire_lots", "schedule": 60.0, "options": {"expires": 50}},
    "orders-check-unpaid": {
        "task": "apps.orders.tasks.check_unpaid_orders",
        "schedule": 5.0,
        "options": {"expires": 15},
    },
    "orders-close-expired": {
        "task": "apps.orders.tasks.close_expired_orders",
        "schedule": 30.0,
        "options": {"expires": 60},
    },
    "orders-deliver-paid": {
        "task": "apps.orders.tasks.deliver_paid_orders",
        "schedule": 15.0,
        "options": {"expires": 30},
    },
    "chat-purge-pictures": {"task": "apps.chat.tasks.purge_pictures", "schedule": 60.0, "options": {"expires": 50}},
    "chat-purge-picture-files": {"task": "apps.chat.tasks.purge_picture_files", "schedule": 3600.0},
    "chat-settle-abandoned": {"task": "apps.chat.tasks.settle_abandoned", "schedule": 5.0, "options": {"expires": 10}},
    "chat-forget-vectors": {"task": "apps.chat.tasks.forget_vectors", "schedule": 600.0, "options": {"expires": 300}},
}

# Only where the sandbox is installed: no other worker knows the task.
SANDBOX_SCHEDULE: dict[str, dict[str, Any]] = {
    "sandbox-send-due-notifications": {
        "task": "apps.sandbox.tasks.send_due_notifications",
        "schedule": 2.0,
        "options": {"expires": 10},
    },
}
