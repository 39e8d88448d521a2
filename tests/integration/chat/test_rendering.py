"""Rendering beside the site's own process: bounded in time and bytes, once for all readers, never on the loop."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings

from apps.chat.gateways import rendered
from apps.chat.gateways.renderer import Renderer
from apps.chat.markup import Seen, Words
from apps.kernel.ids import UserId

WORST = {
    "formulas that never end": "$$ a\n" * 4000,
    "a list of thousands": "- a\n" * 5000,
    "brackets": "[" * 20_000,
    "emphasis": "*a **b " * 3000,
    "code": "```python\n" + "x = f(1, 'a') + b\n" * 1200,
    "a table": "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 2000,
    "thousands of blocks": "# a\n" * 12_000,
    "one line": "你好，world " * 8000,
}
PROCESS = "apps.chat.markup"
MEMBER, OTHER = UserId(uuid4()), UserId(uuid4())


def blocks_of(text: str) -> tuple[str, ...]:
    """One settled text of a member."""
    (blocks,) = rendered.blocks_of([text], user_id=MEMBER)
    return blocks


def processes_of_ours() -> list[int]:
    """The rendering processes that this one has started."""
    children = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    pids = {int(pid) for path in children for pid in path.read_text().split()}
    return [pid for pid in pids if PROCESS in Path(f"/proc/{pid}/cmdline").read_text()]


def test_a_text_that_takes_too_long_is_given_up_and_the_next_is_rendered() -> None:
    renderer = Renderer(cpu_seconds=0.3)

    assert renderer.render("- a\n" * 200_000, Words()) is None
    blocks = renderer.render("# b", Words())

    assert blocks is not None
    assert [block.html for block in blocks] == ["<h1>b</h1>"]
    renderer.close()


def test_a_killed_renderer_is_started_again() -> None:
    before = set(processes_of_ours())
    renderer = Renderer()
    renderer.render("a", Words())
    (pid,) = set(processes_of_ours()) - before

    os.kill(pid, signal.SIGKILL)

    blocks = renderer.render("b", Words())
    assert blocks is not None
    assert blocks[0].html == "<p>b</p>"
    renderer.close()


def test_the_renderer_ends_with_whoever_started_it() -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", PROCESS, "1"], cwd=settings.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )

    child.communicate(timeout=30)  # closes its input, as our end would

    assert child.returncode == 0


def test_the_renderer_knows_neither_the_framework_nor_our_secrets() -> None:
    listing = "import sys, apps.chat.markup; print(sorted({name.split('.')[0] for name in sys.modules}))"

    modules = subprocess.check_output([sys.executable, "-c", listing], cwd=settings.ROOT, text=True)

    assert "markdown_it" in modules
    assert "django" not in modules
    before = set(processes_of_ours())
    renderer = Renderer()
    renderer.render("a", Words())
    (pid,) = set(processes_of_ours()) - before
    names = {entry.split("=")[0] for entry in Path(f"/proc/{pid}/environ").read_text().split("\0") if entry}
    assert names <= {"PYTHONUTF8", "LC_CTYPE"}
    renderer.close()


def test_a_text_above_the_ceiling_is_shown_as_it_was_written() -> None:
    text = "**a**\n" * (rendered.MAX_CHARS // 6 + 1)

    blocks = blocks_of(text)

    assert blocks[0].startswith('<p class="plain">**a**\n**a**')


def test_a_text_is_rendered_once_however_often_it_is_looked_at() -> None:
    text = f"**{uuid4()}**"
    first = blocks_of(text)

    (pid,) = [pid for pid in processes_of_ours() if pid]
    os.kill(pid, signal.SIGSTOP)  # whoever asked it now would wait
    try:
        assert blocks_of(text) == first
    finally:
        os.kill(pid, signal.SIGCONT)


def test_what_is_kept_is_bounded_in_bytes() -> None:
    kept = rendered.BlockCache(max_bytes=100_000)

    for number in range(200):
        kept.put(bytes([number]), ("你" * 5_000,))

    assert kept.size <= 100_000
    assert kept.get(bytes([199])) is not None
    assert kept.get(bytes([0])) is None
    kept.put(b"x", ("a" * 200_000,))
    assert kept.size <= 100_000


def test_a_text_that_was_given_up_is_not_tried_at_each_look(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    renderer = Renderer(cpu_seconds=0.05)
    monkeypatch.setattr(rendered, "_renderer", renderer)
    monkeypatch.setattr(rendered, "_cache", rendered.BlockCache(max_bytes=0))
    text = f"{uuid4()}\n" + "- a\n" * 20_000

    looks = [blocks_of(text) for _ in range(3)]

    assert looks[0] == looks[1] == looks[2]
    assert looks[0][0].startswith('<p class="plain">')
    assert caplog.text.count("took too long") == 1
    assert text[:36] not in caplog.text
    renderer.close()


async def test_readers_of_an_answer_share_its_rendering() -> None:
    generation_id = uuid4()
    one, other = (rendered.live_text(generation_id, user_id=MEMBER) for _ in range(2))

    await asyncio.gather(one.show("# a\n\nb"), other.show("# a\n\nb"))

    assert one is other
    assert one.news(Seen()) == other.news(Seen()) == (0, ['"<h1>a</h1>"', '"<p>b</p>"'])


@pytest.mark.parametrize("name", WORST)
async def test_the_worst_texts_cost_the_loop_next_to_nothing(name: str) -> None:
    """Counted in processor time of the loop's thread, so that a busy machine changes nothing."""
    text, live, seen = WORST[name], rendered.live_text(uuid4(), user_id=MEMBER), Seen()
    longest = 0.0

    for part in range(1, 6):
        began = time.thread_time()
        await live.show(text[: len(text) * part // 5])
        live.news(seen)
        longest = max(longest, time.thread_time() - began)
    await live.whole(text, seen)

    assert longest < 0.1


async def test_a_live_text_that_cannot_be_rendered_goes_on_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    renderer = Renderer(cpu_seconds=0.05)
    monkeypatch.setattr(rendered, "_renderer", renderer)
    live, seen, shown = rendered.live_text(uuid4(), user_id=MEMBER), Seen(), list[str]()

    for text in ("# a\n\n", "# a\n\n" + "- b\n" * 20_000, "# a\n\n" + "- b\n" * 20_001):
        await live.show(text)
        first, blocks = live.news(seen)
        shown[first:] = blocks

    assert shown[0].startswith('"<p class=\\"plain\\"># a')
    assert "".join(shown).count("- b") == 20_001
    renderer.close()


async def test_what_was_too_much_is_not_tried_again_for_each_who_comes_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    renderer = Renderer(cpu_seconds=0.05)
    monkeypatch.setattr(rendered, "_renderer", renderer)
    generation_id = uuid4()

    for length in (20_000, 20_001):
        live = rendered.live_text(generation_id, user_id=MEMBER)
        await live.show("- b\n" * length)
        del live

    assert caplog.text.count("took too long") == 1
    renderer.close()


async def test_texts_that_take_too_long_delay_another_member_by_one_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    renderer = Renderer(cpu_seconds=0.3)
    monkeypatch.setattr(rendered, "_renderer", renderer)
    given_up = list[str]()

    async def show(name: str) -> None:
        await rendered.live_text(uuid4(), user_id=MEMBER).show("- a\n" * 20_000)
        given_up.append(name)

    hostile = [asyncio.create_task(show(f"answer {number}")) for number in range(6)]
    await asyncio.sleep(0)  # they are all in the line
    live = rendered.live_text(uuid4(), user_id=OTHER)
    await live.show("# a")
    when_shown = len(given_up)
    texts = [f"{uuid4()}" for _ in range(20)]
    pages = await asyncio.to_thread(rendered.blocks_of, texts, user_id=OTHER)
    when_seen = len(given_up)
    await asyncio.gather(*hostile)

    assert live.news(Seen()) == (0, ['"<h1>a</h1>"'])
    assert pages == [(f"<p>{text}</p>",) for text in texts]
    assert when_shown <= 1
    assert when_seen <= 3
    renderer.close()
