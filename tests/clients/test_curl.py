"""curl, for whoever has nothing else: an answer at once, and one line by line as it is written."""

import json
import shutil
import subprocess
from typing import Any

import pytest

from tests.clients.conftest import MODEL
from tests.site import Site

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on PATH")


def curl(site: Site, key: str, *options: str, **body: Any) -> str:
    """What it prints."""
    asked = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}], **body}
    command = ["curl", "-sS", "--noproxy", "*", f"{site.url}/v1/chat/completions", *options, "-d", json.dumps(asked)]
    command += ["-H", f"Authorization: Bearer {key}", "-H", "Content-Type: application/json"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def test_an_answer_at_once(site: Site, key: str) -> None:
    answer = json.loads(curl(site, key))

    assert "“Hello”" in answer["choices"][0]["message"]["content"]


def test_an_answer_as_it_is_written(site: Site, key: str) -> None:
    lines = [line for line in curl(site, key, "-N", stream=True).split("\n") if line]

    assert lines[-1] == "data: [DONE]"
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-1] if not line.startswith(":")]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert "“Hello”" in "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)


def test_what_is_refused_is_told_by_status_and_envelope(site: Site) -> None:
    head, _, body = curl(site, "sk-nobody", "-i").replace("\r\n", "\n").partition("\n\n")

    assert head.startswith("HTTP/1.1 401 ")
    assert json.loads(body)["error"]["code"] == "invalid_api_key"
