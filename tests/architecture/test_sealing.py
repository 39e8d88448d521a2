"""One module seals and hashes with keys; a column of such values says so by its class; a change of keys finds it."""

import re

from apps.kernel import sealing
from tests.architecture.test_columns import OURS
from tests.architecture.test_source import PRODUCT, ROOT

# Hashes that need no secret (of long random values, or of what is public), and that of persons, which has PERSON_KEY.
OTHER_HASHES = {
    "accounts.ApiKey.key_hash",
    "accounts.Person.key_hash",
    "kernel.Proposal.content_hash",
    "marketing.OddsVersion.content_hash",
    "marketing.Draw.next_seed_hash",
    "marketing.Seat.first_seed_hash",
}
HOME = {"apps/kernel/sealing.py", "apps/kernel/sealed_before.py"}


def _named(*endings: str) -> set[str]:
    fields = [field for model in OURS for field in model._meta.local_fields]
    return {str(field) for field in fields if field.name.endswith(endings) and field.model._meta.app_label != "sandbox"}


def test_a_sealed_column_is_found_by_reseal() -> None:
    assert _named("_sealed") == {str(field) for field in sealing.sealed_columns()}


def test_no_two_sealed_columns_have_one_purpose() -> None:
    purposes = [field.purpose for field in sealing.sealed_columns()]

    assert sorted(set(purposes)) == sorted(purposes)
    assert all(purposes)


def test_a_column_of_hashes_is_known_as_keyed_or_as_another() -> None:
    assert _named("_hash", "dedupe_key") == {str(field) for field in sealing.hash_columns()} | OTHER_HASHES


def test_a_hash_of_a_sealed_value_is_made_again_with_it() -> None:
    beside = {
        f"{field.model._meta.label}.{hashed.attname}"
        for field in sealing.sealed_columns()
        for hashed in sealing.hash_columns()
        if hashed.model is field.model and hashed.attname == field.attname.replace("_sealed", "_hash")
    }
    made = {f"{field.model._meta.label}.{field.hashed_in}" for field in sealing.sealed_columns() if field.hashed_in}

    assert beside
    assert made == beside


def test_nobody_else_derives_keys() -> None:
    derive = re.compile(r"Fernet\(|salted_hmac|HKDF|settings\.(?:SECRET|SEALING)_KEY")
    places = {str(path.relative_to(ROOT)) for path in PRODUCT if path.parts[len(ROOT.parts)] == "apps"}

    assert {place for place in places if derive.search((ROOT / place).read_text())} == HOME
