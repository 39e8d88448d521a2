"""Embeddings."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Vectors:
    """Embeddings, in the order of their inputs: each so many numbers, which are float32, the lowest byte first."""

    dimensions: int
    rows: tuple[bytes, ...] = field(repr=False)
