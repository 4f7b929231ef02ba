"""The certificate of a bundle's thresholds: what was promised, on which data it was shown, and what it holds for.

It stands in the manifest and says nothing about whether it still holds: `void` looks. The statistics behind it are
those of `eeinfer.thresholds`.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec
import numpy as np

MAX_LOSS, MIN_ACCURACY, CONSISTENCY = "max_loss", "min_accuracy", "consistency"
BUDGET_FLOPS, BUDGET_MS = "budget_flops", "budget_ms"
PROMISES = (MAX_LOSS, MIN_ACCURACY, CONSISTENCY, BUDGET_FLOPS, BUDGET_MS)
METHODS = ("fixed-sequence", "exact", "conformal")

_SHA256 = re.compile(r"[0-9a-f]{64}")


class CertifiedPromise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was promised."""

    kind: str  # one of PROMISES
    value: float  # milliseconds of budget_ms; else a share: of rows, or of the static network's FLOPs
    percentile: float | None = None  # of budget_ms, in percent; None: the mean

    def __str__(self) -> str:
        share = f"{self.value:.4g} ms" if self.kind == BUDGET_MS else f"{100 * self.value:.4g} %"
        return {
            MAX_LOSS: f"accuracy at most {_points(self.value)} below the full network's",
            MIN_ACCURACY: f"accuracy at least {share}",
            CONSISTENCY: f"at least {share} answered as the full network does",
            BUDGET_FLOPS: f"at most {share} of the static network's FLOPs on average",
            BUDGET_MS: f"at most {share} " + ("on average" if self.percentile is None else _share(self.percentile)),
        }.get(self.kind, self.kind)


class Certificate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """That thresholds keep a promise, as far as data have shown it."""

    promise: CertifiedPromise
    limit: float  # of the mean of what the promise bounds
    confidence: float | None  # over draws of the data; None: in expectation
    level: float | None  # error rate of the test; half of 1 - confidence where two ways were tried
    method: str  # one of METHODS
    bound: str | None  # clopper-pearson, hoeffding-bentkus or betting; None in expectation
    loss: float  # mean of what the promise bounds, on the rows that certify
    upper: float | None  # what those rows show its mean not to be above, at this confidence
    taus: tuple[float, ...]  # the thresholds that it is for, one per exit
    exits: tuple[int, ...]  # how many of the rows that certify left at each exit
    seed: int  # of the split in rows that chose and rows that certify
    rows: int  # all of them
    certified_on: int  # how many certify; with the method exact, all
    data: str  # what they were
    data_sha256: str  # of the prepared inputs and the labels of all these rows
    files_sha256: str  # of the bundle's files, as `files_digest`
    created: str  # ISO 8601, UTC
    machine: str | None = None  # of budget_ms: where the times were taken


class _File(Protocol):
    @property
    def sha256(self) -> str: ...


def files_digest(files: Mapping[str, _File]) -> str:
    """Return the SHA-256 of the lines "NAME SHA-256" of a manifest's files, sorted by name, joined by line feeds."""
    lines = (f"{name} {files[name].sha256}" for name in sorted(files))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def void(certificate: Certificate, taus: Sequence[float], files: Mapping[str, _File]) -> str | None:
    """Return why a certificate does not hold for these thresholds and files; None: it does."""
    mine, theirs = (np.asarray(each[:-1], np.float32) for each in (certificate.taus, taus))  # the last is not looked at
    if not np.array_equal(mine, theirs):
        return f"it is for the thresholds {_list(certificate.taus)}, and these are {_list(taus)}"
    if files_digest(files) != certificate.files_sha256:
        return "it is for other graphs or weights: segments, precision or calibration were changed"
    return None


def certificate_problem(certificate: Certificate, exits: int) -> str | None:
    """Return what no certificate of a bundle with so many exits can say; None: nothing."""
    promise, counts = certificate.promise, certificate.exits
    if promise.kind not in PROMISES:
        return f"the certificate promises {promise.kind!r}, known are {', '.join(PROMISES)}"
    if not promise.value > 0:
        return f"the certificate promises {promise.kind!r} of nothing above 0"
    if certificate.method not in METHODS:
        return f"the certificate has the method {certificate.method!r}, known are {', '.join(METHODS)}"
    if len(certificate.taus) != exits or len(counts) != exits:
        return f"the certificate has {len(certificate.taus)} taus and {len(counts)} counts for {exits} exits"
    if not all(0 <= tau <= 1 for tau in certificate.taus):
        return "the certificate has a tau outside [0, 1]"
    if min(counts) < 0 or max(counts) > certificate.rows or sum(counts) != certificate.certified_on:
        return "the certificate counts other rows at its exits than it was certified on"
    if not 1 <= certificate.certified_on <= certificate.rows:
        return f"the certificate was certified on {certificate.certified_on} of {certificate.rows} rows"
    if not all(_SHA256.fullmatch(digits) for digits in (certificate.data_sha256, certificate.files_sha256)):
        return "the certificate has no SHA-256 of its data and files"
    return None


def _list(taus: Sequence[float]) -> str:
    return ", ".join(f"{tau:.4g}" for tau in taus)


def _points(share: float) -> str:
    points = f"{100 * share:.4g}"
    return f"{points} point" if points == "1" else f"{points} points"


def _share(percentile: float) -> str:
    return f"for {percentile:g} % of the images"
