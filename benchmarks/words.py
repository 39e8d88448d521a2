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

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.embedded")

from benchmarks import common  # noqa: E402  # after the path that it is on, as all below

WANTED = common.options(__doc__)

import ahocorasick  # noqa: E402

from apps.chat.contracts import WordAction  # noqa: E402
from apps.chat.words.building import Parts  # noqa: E402
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
    """The lexicon as a process gets it, and how long each step of that takes."""
    began, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.run(
        [sys.executable, "-m", "apps.chat.words"],
        input=json.dumps([words]).encode(),
        stdout=subprocess.PIPE,
        check=True,
        cwd=ROOT,
    )
    read = time.thread_time()
    letters, groups, longest, made = pickle.loads(process.stdout)  # noqa: S301  # what our own process said
    put_together = time.thread_time()
    automaton = ahocorasick.Automaton(*made)
    ready = time.thread_time()
    whole = time.perf_counter() - began
    lexicon = Lexicon((SOURCE,), Parts(letters, groups, longest, automaton))
    spare = ahocorasick.Automaton(*made)
    freed = time.thread_time()
    del spare
    freed = time.thread_time() - freed
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = usage.ru_utime + usage.ru_stime - used.ru_utime - used.ru_stime
    size = len(process.stdout) / 2**20
    print(f"  built in {whole:.2f} s, of these {processor:.2f} of the processor in another process ({size:.0f} MiB)")
    print(
        f"  steps that hold this one up: read {(put_together - read) * 1e3:.0f} ms, "
        f"put together {(ready - put_together) * 1e3:.0f}, let the one before go {freed * 1e3:.0f}"
    )
    return lexicon


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
