"""How the answers of two backends compare: scores, classes, and what the rule makes of the scores."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.arrays import count_rows, take
from eeinfer.backends.chosen import Agreement
from eeinfer.bench.noise import noise
from eeinfer.bench.workers.base import Unavailable
from eeinfer.bundle.folder import Bundle
from eeinfer.engine import Engine
from eeinfer.errors import NonFiniteWarning, first_line
from eeinfer.loading import load
from eeinfer.preprocess import prepare_inputs
from eeinfer.result import AllExits
from eeinfer.rule import leaves

_ROWS, _BATCH = 64, 8  # compared, and at once
_NUDGES = 2
_LOGIT = 1e-4  # how far kernels are apart: of a logit beyond 1 relative
_STEADY = 1e-5  # and how far a logit may move with its input's last bits: what goes on growing is no kernel's fault
_WORST = 1.0  # of a score


def agreement(bundle: Bundle, one: str, other: str, *, images: Any, seed: int) -> Agreement:
    """Compare all exits' answers to the same rows, decisions at the thresholds of the bundle and of its parity report.

    Left out is what is the rounding's and not the kernels': where the first backend's own logits move when the last
    bits of the input do. A network that was never trained on such rows may make thousands of them. Where the two
    largest logits are as near as kernels are apart, either class is right.

    Args:
        bundle: that both run.
        one: the name of a backend.
        other: the name of the backend that is compared with it.
        images: whose first rows are taken, as an engine takes them; None draws noise, from faint to strong.
        seed: of the noise.

    Raises:
        ConfigError, BundleError: the first does not run it.
        Unavailable: the other does not, and why.
    """
    spec = bundle.manifest.input.tensor
    given = noise(spec, _ROWS, seed, mixed=True) if images is None else images
    count = min(_ROWS, count_rows(given))
    rows = prepare_inputs(take(given, np.arange(count)), bundle.manifest)[spec.name]
    draw = np.random.default_rng(seed)
    with load(bundle.path, backend=one) as first:
        mine = _answers(first, rows)
        nudged = [_answers(first, _nudged(rows, draw)) for _ in range(_NUDGES)] if rows.dtype == np.float32 else []
    theirs = _others(bundle, other, rows)
    steady = np.logical_and.reduce(
        [_moved(mine, each) <= _STEADY for each in nudged] or [np.ones(mine.scores.shape, bool)]
    )
    taus = tuple(sorted({*bundle.manifest.taus, *bundle.manifest.parity.taus}))
    same = (mine.predictions == theirs.predictions) | _tied(mine)
    return Agreement(
        rows=count,
        taus=taus,
        decisions=_share([_decided(mine.scores, tau) == _decided(theirs.scores, tau) for tau in taus], steady),
        predictions=_share([same], steady),
        score_error=float(_apart(mine.scores, theirs.scores)[steady].max(initial=0)),
        compared=float(steady.mean(axis=0).min()),
    )


def _others(bundle: Bundle, backend: str, rows: NDArray[Any]) -> AllExits:
    try:
        with load(bundle.path, backend=backend) as engine:
            return _answers(engine, rows)
    except Exception as error:  # whatever another library raises: the first one goes on without it
        raise Unavailable(first_line(error)) from error


def _answers(engine: Engine, rows: NDArray[Any]) -> AllExits:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NonFiniteWarning)  # of rows that nobody gave; what is lost is compared too
        parts = [engine.all_exits(rows[start : start + _BATCH]) for start in range(0, len(rows), _BATCH)]
    scores, predictions, logits = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("scores", "predictions", "logits")
    )
    return AllExits(scores=scores, predictions=predictions, logits=logits)


def _nudged(rows: NDArray[Any], draw: np.random.Generator) -> NDArray[Any]:
    """Return the rows with the last bit of every number moved up or down."""
    towards = np.where(draw.integers(0, 2, rows.shape) == 1, np.inf, -np.inf).astype(rows.dtype)
    return np.asarray(np.nextafter(rows, towards))


def _moved(one: AllExits, other: AllExits) -> NDArray[Any]:
    """Return [N, E], how far the logits moved: those beyond 1 relative. What is not finite in both did not move."""
    with np.errstate(invalid="ignore"):
        apart = np.abs(one.logits - other.logits).max(axis=-1) / _size(one)
    lost = one.predictions < 0
    return np.where(lost & (other.predictions < 0), 0, np.where(lost | ~np.isfinite(apart), np.inf, apart))


def _tied(found: AllExits) -> NDArray[Any]:
    best = np.sort(found.logits, axis=-1)[..., -2:]
    with np.errstate(invalid="ignore"):
        return np.asarray((found.predictions >= 0) & (best[..., -1] - best[..., 0] <= 2 * _LOGIT * _size(found)))


def _size(found: AllExits) -> NDArray[Any]:
    return np.asarray(np.maximum(1, np.abs(found.logits).max(axis=-1)))


def _apart(scores: NDArray[Any], others: NDArray[Any]) -> NDArray[Any]:
    """Return how far scores are apart: as far as can be where one of them is none."""
    lost = np.isnan(scores), np.isnan(others)
    return np.where(lost[0] & lost[1], 0, np.where(lost[0] | lost[1], _WORST, np.abs(scores - others)))


def _share(equal: list[NDArray[Any]], steady: NDArray[Any]) -> float:
    """Return the share of what is equal among what is compared."""
    return float(np.mean([each[steady] for each in equal])) if steady.any() else 1.0


def _decided(scores: NDArray[Any], tau: float) -> NDArray[Any]:
    return np.asarray(leaves(scores, np.float32(tau)))
