"""A noun of the code has a meaning that is written down."""

import re
from pathlib import Path

from django.apps import apps

GLOSSARY = Path(__file__).parents[2] / "docs" / "glossary.md"


def test_every_word_of_a_model_s_name_is_in_the_glossary() -> None:
    explained = set(re.findall("[a-z]+", GLOSSARY.read_text(encoding="utf-8").lower()))
    # The sandbox speaks its providers' language (docs/sandbox.md).
    ours = [model for model in apps.get_models() if re.match(r"apps\.(?!sandbox)", model.__module__)]
    words = {(model.__name__, word.lower()) for model in ours for word in re.findall("[A-Z][a-z]+", model.__name__)}

    assert {name: word for name, word in words if word not in explained} == {}
