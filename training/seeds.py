"""Independent random streams from one seed, so that what is drawn does not depend on what was drawn before."""

from zlib import crc32

import numpy as np


def sequence(seed: int, *path: int | str) -> np.random.SeedSequence:
    """Return the entropy of the stream named by `path`, such as ("order", phase, epoch)."""
    return np.random.SeedSequence([seed, *(crc32(part.encode()) if isinstance(part, str) else part for part in path)])


def generator(seed: int, *path: int | str) -> np.random.Generator:
    """Return NumPy's generator for the stream named by `path`."""
    return np.random.default_rng(sequence(seed, *path))


def derived_seed(seed: int, *path: int | str) -> int:
    """Return an integer in [0, 2**63) for torch.manual_seed."""
    return int(sequence(seed, *path).generate_state(1, np.uint64)[0] >> 1)
