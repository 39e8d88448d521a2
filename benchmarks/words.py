"""How fast operators' words are found: `python benchmarks/words.py`, 100,000 words and the site's own Chinese.

End to end: from a text as it was written to what may be shown of it, with all disguises undone and places told. In
turn with it, on the same text, where nothing is disguised: the same words by ahocorasick_rs, if it is installed, and
one by one. Times are those of the processor, so that they hold on a busy machine, too.
"""

import json
import os
import pickle
import random
import re
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.embedded")

from benchmarks import common  # noqa: E402  # after the path that it is on, as all below

WANTED = common.options(__doc__)

import ahocorasick  # noqa: E402

from apps.chat.contracts import WordAction  # noqa: E402
from apps.chat.gateways.lexicon_builder import read_parts  # noqa: E402
from apps.chat.words.gate import Gate, sift  # noqa: E402
from apps.chat.words.lexicon import Lexicon, Source  # noqa: E402

try:
    import ahocorasick_rs
except ImportError:
    ahocorasick_rs = None

WORDS = 100_000
CHARS = 20_000 if WANTED.short else 200_000
ROUNDS = 1 if WANTED.short else 7
# One by one is slow: this much of the text tells how slow.
NAIVE_CHARS = 500
SOURCE = Source("benchmark", WordAction.MASK)


def prose() -> str:
    """Chinese as people write it: the site's own texts, shuffled."""
    parts = sorted((ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "parts").glob("*.po"))
    lines = [line for part in parts for line in re.findall(r'^msgstr "(.+?)"$', part.read_text(), re.MULTILINE)]
    chosen = random.Random(7).choices(lines, k=CHARS // 4)  # the same in every run
    return "".join(chosen)[:CHARS]


def words_of(text: str) -> list[str]:
    """Words of two to seven characters, as frequent in them as in Chinese; one sign of a hundred ends one."""
    dice = random.Random(11)  # the same in every run
    counted = Counter(sign for sign in text if "\u4e00" <= sign <= "\u9fff")
    # Behind those of the text, what an ordinary list has besides: five thousand characters, ever rarer.
    signs = [*dict(counted.most_common()), *(chr(code) for code in range(0x4E00, 0x4E00 + 5000))]
    weights = [1 / (rank + 40) for rank in range(len(signs))]
    words = {text[place : place + 5] for place in range(0, len(text), 4_000)}
    said = {text[place : place + length] for length in range(2, 8) for place in range(len(text))}
    while len(words) < WORDS:
        word = "".join(dice.choices(signs, weights, k=dice.choice((2, 3, 3, 4, 4, 4, 5, 6, 7))))
        if word not in said:
            words.add(word)
    return sorted(words)


def took(work: Callable[[], object]) -> float:
    """Seconds of the processor."""
    began = time.thread_time()
    work()
    return time.thread_time() - began


def built(words: list[str]) -> Lexicon:
    """The lexicon as a process gets it, and the longest of the steps in which nothing else runs there."""
    began, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    joined = "\n".join(words)
    steps = {"say the words": took(lambda: json.dumps([joined]).encode())}
    asked = json.dumps([joined]).encode()
    with TemporaryFile() as said:
        subprocess.run([sys.executable, "-m", "apps.chat.words"], input=asked, stdout=said, check=True, cwd=ROOT)
        size = said.tell() / 2**20
        said.seek(0)
        lexicon = Lexicon((SOURCE,), read_parts(said))
        whole = time.perf_counter() - began
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        processor = usage.ru_utime + usage.ru_stime - used.ru_utime - used.ru_stime
        print(
            f"  built in {whole:.2f} s, of these {processor:.2f} of the processor in another process ({size:.0f} MiB)"
        )
        said.seek(0)
        steps |= adopted(said)
    told = ", ".join(f"{name} {seconds * 1e3:.0f} ms" for name, seconds in steps.items())
    print(f"  the longest steps that hold this process up: {told}")
    return lexicon


def adopted(said: IO[bytes]) -> dict[str, float]:
    """read_parts(), step by step: how long the longest of each kind takes; and letting all of it go."""
    *_, number = pickle.load(said)  # noqa: S301  # what our own process said, as below
    automata: list[ahocorasick.Automaton] = []
    reading, putting = [], []
    for _ in range(number):
        began = time.thread_time()
        made = pickle.load(said)  # noqa: S301
        read = time.thread_time()
        automata.append(ahocorasick.Automaton(*made))
        reading.append(read - began)
        putting.append(time.thread_time() - read)
    return {
        "read a part": max(reading),
        "put a part together": max(putting),
        "let the one before go": took(automata.clear),
    }


def streamed(text: str, lexicon: Lexicon) -> float:
    """Seconds of the processor for each piece of one to eight signs."""
    dice = random.Random(13)  # the same in every run
    pieces, at = [], 0
    while at < min(len(text), 60_000):
        pieces.append(text[at : at + dice.randint(1, 8)])
        at += len(pieces[-1])
    gate = Gate(lambda: lexicon)
    return took(lambda: [gate.take(piece) for piece in pieces]) / len(pieces)


def main() -> None:
    """Build, then measure in turn."""
    print(common.machine())
    text = prose()
    words = words_of(text)
    lexicon = built(words)
    found = sift(text, lexicon).found
    print(f"  {sum(one.times for one in found)} words found in {len(text):,} characters")
    work: dict[str, tuple[Callable[[], object], int]] = {
        "ours, end to end": (lambda: sift(text, lexicon), len(text)),
        "one by one": (lambda: [word for word in words if word in text[:NAIVE_CHARS]], NAIVE_CHARS),
    }
    if ahocorasick_rs is not None:
        other = ahocorasick_rs.AhoCorasick(words)
        work["ahocorasick_rs"] = (lambda: other.find_matches_as_indexes(text, overlapping=True), len(text))
    rates: dict[str, list[float]] = {name: [] for name in work}
    chunks = []
    for _ in range(ROUNDS):
        for name, (do, chars) in work.items():
            rates[name].append(chars / took(do))
        chunks.append(streamed(text, lexicon))
    ours = common.share(rates["ours, end to end"], 0.5)
    for name, measured in rates.items():
        rate = common.share(measured, 0.5)
        print(
            f"  {name}: {rate / 1e6:.3f} M characters/s, fastest {max(measured) / 1e6:.3f}; ours is {ours / rate:.2f}×"
        )
    print(f"  a streamed piece: {common.share(chunks, 0.5) * 1e6:.1f} µs, fastest round {min(chunks) * 1e6:.1f}")


if __name__ == "__main__":
    main()
