"""Batch sizes on a GPU: few, so that kernels are chosen, and graphs captured, once for each of them."""

BUCKETS = (1, 2, 4, 8, 16, 32, 64)
LARGEST = BUCKETS[-1]  # more rows than these run one such batch after the other


def bucket(rows: int) -> int:
    """Return the size to which a batch of ``rows``, at most ``LARGEST``, is padded."""
    return next(size for size in BUCKETS if size >= rows)


def padded(rows: int) -> int:
    """Return for how many rows a batch of ``rows`` costs."""
    whole, rest = divmod(rows, LARGEST)
    return whole * LARGEST + (bucket(rest) if rest else 0)
