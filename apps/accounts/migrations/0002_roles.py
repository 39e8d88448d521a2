"""The six roles of operators. A superuser has everything without one."""

from django.db import migrations

from apps.kernel.roles import grant


def can(verbs: str, *models: str) -> list[str]:
    """["view_order", …] of every verb and model: can("view change", "orders.product")."""
    pairs = [(verb, *model.split(".")) for verb in verbs.split() for model in models]
    return [f"{app}.{verb}_{model}" for verb, app, model in pairs]


PEOPLE = ("accounts.user", "accounts.membersession", "accounts.loginevent", "accounts.apikey", "accounts.listentry")
CATALOGUE = ("chat.channel", "chat.chatmodel", "chat.chatpolicy")
CHATS = ("chat.generation", "chat.conversation", "chat.entitlement")
MONEY = ("orders.order", "orders.orderhistory", "orders.payment", "orders.notification")
LEDGER = ("ledger.account", "ledger.transfer", "ledger.hold")
CAMPAIGNS = (
    "marketing.activity",
    "marketing.oddsversion",
    "marketing.prize",
    "marketing.stage",
    "marketing.rebaterule",
    "marketing.exchangeitem",
)
WINS = ("marketing.draw", "marketing.delivery", "marketing.rebate", "marketing.signin", "marketing.exchangeorder")
RUNNING = ("kernel.outboxdelivery", "kernel.switch")

ROLES = {
    # Writes what is offered and said; nothing of it counts before a publisher says so.
    "editor": [
        *can("view add change", "orders.product", "accounts.replytext", *CAMPAIGNS),
        *can("view", "marketing.prizestock", "chat.chatmodel"),
    ],
    # Puts it into effect.
    "publisher": [
        *can("view", "orders.product", "accounts.replytext", "marketing.prizestock", *CAMPAIGNS, *WINS),
        "marketing.publish_oddsversion",
        "marketing.run_activity",
        *can("change correct", "marketing.prizestock"),
    ],
    # Follows the money, and asks providers about it.
    "finance": [
        *can("view", "orders.product", *MONEY, *LEDGER, "marketing.delivery", "marketing.exchangeorder"),
        *can("check deliver", "orders.order"),
    ],
    # Helps one member at a time.
    "support": [
        *can("view", *PEOPLE, *CHATS, *WINS, "orders.order", "orders.orderhistory"),
        *can("freeze", "accounts.user"),
        *can("manage", "accounts.listentry"),
        *can("revoke", "accounts.membersession", "accounts.apikey"),
        *can("replay", "marketing.delivery"),
    ],
    # Reads everything and changes nothing.
    "auditor": can(
        "view", "kernel.auditentry", "orders.product", "accounts.replytext", "marketing.prizestock",
        *PEOPLE, *CATALOGUE, *CHATS, *MONEY, *LEDGER, *CAMPAIGNS, *WINS, *RUNNING,
    ),
    # Keeps the machines and the upstream models running.
    "engineer": [
        *can("view add change", *CATALOGUE),
        *can("view", "chat.generation", *RUNNING),
        *can("replay", "kernel.outboxdelivery"),
        *can("flip", "kernel.switch"),
    ],
}


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [grant(ROLES)]
