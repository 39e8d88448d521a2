"""The audit knows every guard of the database by its definition; `make schema` writes down what the migrations make."""

import os

import pytest
from django.db import connection, transaction

from apps.accounts.contracts import Member
from apps.accounts.models import User
from apps.kernel import clock
from apps.kernel.ids import new_id
from apps.kernel.invariants import Breach
from apps.kernel.schema import DEFINITIONS, described, rows_keep_their_constraints, schema_is_as_defined
from tests.rows import unguard_all

pytestmark = pytest.mark.django_db

# Half of the movements: the other half is hidden from whoever adds them up.
_HALF = """SELECT id, debit_id AS account_id, asset, -amount AS amount, kind, cause_type, cause_id,
    debit_balance_after AS balance_after, created_at FROM ledger_transfer"""
_POSTGRESQL = {
    "a dropped CHECK": "ALTER TABLE orders_order DROP CONSTRAINT orders_order_amount_positive",
    "a dropped UNIQUE": "ALTER TABLE orders_payment DROP CONSTRAINT orders_payment_transaction_unique",
    "a dropped partial UNIQUE": "DROP INDEX orders_payment_one_attached_per_order",
    "a column that may be empty": "ALTER TABLE marketing_draw ALTER roll DROP NOT NULL",
    "a disabled trigger": "ALTER TABLE ledger_transfer DISABLE TRIGGER ledger_transfer_append_only",
    "an emptied trigger": """CREATE OR REPLACE FUNCTION kernel_refuse_change() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RETURN NEW; END $$""",
    "a constraint of new rows only": """ALTER TABLE orders_order DROP CONSTRAINT orders_order_amount_positive;
        ALTER TABLE orders_order ADD CONSTRAINT orders_order_amount_positive CHECK (amount_fen > 0) NOT VALID""",
    "another default": "ALTER TABLE ledger_account ALTER balance SET DEFAULT 1000000",
    "a rule": "CREATE RULE kept AS ON UPDATE TO marketing_prizestock DO INSTEAD NOTHING",
    "another view": f"CREATE OR REPLACE VIEW ledger_entry AS {_HALF}",
    "disabled foreign keys": """DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT tgname FROM pg_trigger WHERE tgisinternal AND tgrelid = 'orders_payment'::regclass LOOP
            EXECUTE format('ALTER TABLE orders_payment DISABLE TRIGGER %I', name); END LOOP; END $$""",
    "a policy": "CREATE POLICY hidden ON ledger_transfer FOR SELECT USING (amount < 1000)",
    "row security": "ALTER TABLE ledger_transfer ENABLE ROW LEVEL SECURITY",
    "row security of the owner": "ALTER TABLE ledger_transfer FORCE ROW LEVEL SECURITY",
    "rows of another table": "CREATE TABLE more () INHERITS (ledger_transfer)",
    "no triggers in this database": "DO $$ BEGIN EXECUTE format("
    "'ALTER DATABASE %I SET session_replication_role = replica', current_database()); END $$",
    "no triggers for a role": "ALTER ROLE CURRENT_USER SET session_replication_role = replica",
    "another path": "ALTER ROLE CURRENT_USER SET search_path = elsewhere, public",
    "no triggers in this session": "SET LOCAL session_replication_role = replica",
}
_SQLITE = {
    "a constraint edited away": """PRAGMA writable_schema = ON;
        UPDATE sqlite_master SET sql = replace(sql, '"amount_fen" > 0', '1') WHERE name = 'orders_order';
        PRAGMA writable_schema = OFF""",
    "a key edited away": """PRAGMA writable_schema = ON;
        DELETE FROM sqlite_master WHERE name = 'orders_payment_one_attached_per_order';
        PRAGMA writable_schema = OFF""",
    "another view": f"DROP VIEW ledger_entry;\nCREATE VIEW ledger_entry AS {_HALF}",
    "a dropped trigger": "DROP TRIGGER ledger_transfer_no_UPDATE",
    "a dropped partial UNIQUE": "DROP INDEX orders_payment_one_attached_per_order",
    "an emptied trigger": """DROP TRIGGER ledger_transfer_no_DELETE;
        CREATE TRIGGER ledger_transfer_no_DELETE BEFORE DELETE ON ledger_transfer BEGIN SELECT 1; END""",
}
FILE = DEFINITIONS / f"{connection.vendor}.txt"
_FORGERIES = _POSTGRESQL if connection.vendor == "postgresql" else _SQLITE


@pytest.fixture(autouse=True)
def renewed() -> None:
    """Write the file anew when `make schema` asks for it; the database of a test is fresh from the migrations."""
    if os.environ.get("RENEW_SCHEMA"):
        FILE.write_text("".join(f"{line}\n" for line in described()))


def test_the_definitions_are_what_the_migrations_make() -> None:
    stale = set(described()) ^ set(FILE.read_text().splitlines())
    assert not stale, "a migration changed the schema: run `make schema` and commit apps/kernel/definitions"


@pytest.mark.parametrize("forgery", _FORGERIES.values(), ids=_FORGERIES.keys())
def test_a_guard_that_was_changed_is_named(forgery: str) -> None:
    assert list(schema_is_as_defined(clock.now())) == []

    with connection.cursor() as cursor:
        for statement in forgery.split(";\n"):
            cursor.execute(statement)

    assert list(schema_is_as_defined(clock.now())) != []


def test_a_row_whose_key_leads_nowhere_is_named(alice: Member) -> None:
    now = clock.now()
    unguard_all("accounts_user")
    assert list(rows_keep_their_constraints(now)) == []

    with transaction.atomic():
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SET LOCAL session_replication_role = replica")
            User.objects.filter(pk=alice.id).update(person=new_id())
            found = list(rows_keep_their_constraints(now))
        transaction.set_rollback(True)

    assert Breach(f"accounts_user {alice.id}", "its person does not exist") in found


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL cannot be told to ignore a CHECK")
def test_a_row_that_breaks_an_ignored_check_is_named(alice: Member) -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA ignore_check_constraints = ON")
            User.objects.filter(pk=alice.id).update(status="god")
            cursor.execute("PRAGMA ignore_check_constraints = OFF")
        found = list(rows_keep_their_constraints(clock.now()))
        transaction.set_rollback(True)

    assert found == [Breach("database", "CHECK constraint failed in accounts_user")]
