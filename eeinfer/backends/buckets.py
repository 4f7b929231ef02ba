"""Batch sizes on a GPU: few, so that kernels are chosen, and graphs captured, once for each of them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Buckets:
    """The sizes to which batches are padded. More rows than the largest run one such batch after the other."""

    sizes: tuple[int, ...]

    @property
    def largest(self) -> int:
        """The largest size."""
        return max(self.sizes)

    def bucket(self, rows: int) -> int:
        """Return the smallest size that holds ``rows``; the largest where none does."""
        return min((size for size in self.sizes if size >= rows), default=self.largest)

    def chunks(self, rows: int) -> list[int]:
        """Return how many rows run together where all ``rows`` run: full largest batches, then the rest."""
        full, rest = divmod(rows, self.largest)
        return [self.largest] * full + [rest] * (rest > 0)

    def padded(self, rows: int) -> int:
        """Return how many rows are computed where ``rows`` are asked for."""
        return sum(map(self.bucket, self.chunks(rows)))
