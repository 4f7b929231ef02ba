"""Whether a certificate still has ground: whether rows leave in the field where its own rows left. E exits."""

import math
from functools import partial

import msgspec
import numpy as np

from eeinfer.bundle.certificate import Certificate
from eeinfer.errors import InputError
from eeinfer.numbers import is_number
from eeinfer.watching.record import Watch

MOST_ROWS = 10**8  # of the field: more are compared as if they were so many
_DRAWS, _DRAWS_PER_ALARM = 9_999, 20


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What the comparison found."""

    holds: bool  # the exit shares are as the certificate's data were, as far as so many rows show
    reason: str  # a sentence
    p_value: float | None  # of equal shares; None where it was not asked
    false_alarms: float  # the share of comparisons that fail though nothing changed
    certified: tuple[int, ...]  # [E] rows of the certificate
    seen: tuple[int, ...]  # [E] rows of the watch


def ground(watch: Watch, certificate: Certificate, *, false_alarms: float = 0.01, seed: int = 0) -> Ground:
    """Compare where rows left in the field with where the certificate's rows left.

    The statistic is chi-squared of the two rows of counts, its distribution that of tables with the same sums (a
    permutation test by random draws): the rate of false alarms is kept for any counts, of rows that are independent of
    one another. Neighbouring frames of a film are not; take one of many.

    What it cannot see: exits may have the same shares and worse answers. Shares that moved are a reason to measure
    again; shares that stayed are no proof.

    Args:
        watch: of an engine that ran the certified bundle.
        certificate: of that bundle.
        false_alarms: in (0, 0.5], not below 0.0001.
        seed: of the draws.

    Raises:
        InputError: the watch is of another bundle, or empty, or ``false_alarms`` is no such rate.
    """
    if not is_number(false_alarms, 0.0001, 0.5):
        raise InputError(f"false_alarms is {false_alarms}; give a share from 0.0001 to 0.5, such as 0.01")
    if watch.files_sha256 != certificate.files_sha256:
        raise InputError(
            f"the watch is of other graphs or weights than the certificate ({watch.bundle!r} of {watch.since}); give "
            "that of an engine that ran this bundle"
        )
    found = partial(Ground, false_alarms=false_alarms, certified=certificate.exits, seen=watch.rows)
    if not np.array_equal(np.array(watch.taus[:-1], np.float32), np.array(certificate.taus[:-1], np.float32)):
        reason = "the engine ran at other thresholds than the certificate's, so it promises nothing of these rows"
        return found(holds=False, reason=reason, p_value=None)
    if not sum(watch.rows):
        raise InputError("the watch has counted no rows at the engine's own thresholds; let it see some first")
    p = shares_p_value(certificate.exits, watch.rows, _draws(false_alarms), seed)
    where = "elsewhere than" if p <= false_alarms else "where"
    reason = f"rows leave {where} the certificate's did: {_largest(watch.shares, certificate.exits)}"
    return found(holds=p > false_alarms, reason=reason, p_value=p)


def shares_p_value(one: tuple[int, ...], other: tuple[int, ...], draws: int, seed: int = 0) -> float:
    """Return how likely counts [E] and [E] differ by so much where both come of the same shares.

    With ``draws`` random tables of the same sums it is never below ``1 / (draws + 1)``, and never too small.
    """
    fewer = min(1.0, MOST_ROWS / sum(other))
    first, second = np.array(one, np.int64), np.rint(fewer * np.array(other, np.float64)).astype(np.int64)
    pooled, size = first + second, first.sum()
    tables = np.random.default_rng(seed).multivariate_hypergeometric(pooled, size, size=draws, method="marginals")
    expected = pooled * (size / pooled.sum())
    used = pooled > 0
    # With both sums given, chi-squared is this times a constant.
    far = (((tables - expected) ** 2)[:, used] / pooled[used]).sum(axis=1)
    mine = float((((first - expected) ** 2)[used] / pooled[used]).sum())
    return float((1 + (far >= mine * (1 - 1e-12)).sum()) / (draws + 1))


def _draws(false_alarms: float) -> int:
    return max(_DRAWS, math.ceil(_DRAWS_PER_ALARM / false_alarms) - 1)


def _largest(shares: tuple[float, ...], counts: tuple[int, ...]) -> str:
    """Say which exit's share moved most."""
    before = [count / sum(counts) for count in counts]
    k = max(range(len(shares)), key=lambda k: abs(shares[k] - before[k]))
    return f"exit {k} has {shares[k]:.1%} of them, and had {before[k]:.1%}"
