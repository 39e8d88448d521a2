"""What every client is asked to do here."""

import json
import os
from typing import Any

MODEL, VECTORS, PAINTER = (os.environ[f"CLIENT_{name}"] for name in ("MODEL", "VECTORS", "PAINTER"))
PROMPT = "hills of Anhui"
QUESTION: Any = [{"role": "user", "content": "Hello"}]
TEXTS = json.loads(os.environ["CLIENT_TEXTS"])
TOOL_QUESTION: Any = [{"role": "user", "content": "What does the weather tool say about Hefei?"}]
TOOLS: Any = [
    {
        "type": "function",
        "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
    }
]


def tokens(usage: Any) -> list[int]:
    """Of the question, of the answer, and both."""
    return [usage.prompt_tokens, usage.completion_tokens, usage.total_tokens]
