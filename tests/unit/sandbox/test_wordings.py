"""What the demo model says is read on a page of ours, and believed."""

import re
from pathlib import Path

from apps.sandbox.engine import wordings


def test_the_demo_model_says_nothing_about_what_an_answer_costs() -> None:
    words = Path(wordings.__file__).read_text(encoding="utf-8")

    assert re.findall(r"费用|收费|扣费|免费|charged?\b|\bcosts?\b|\bfree\b", words) == []
