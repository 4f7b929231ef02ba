"""The certificate in the manifest: what is refused, what voids it, and that a bundle without one looks as before."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from altered_bundles import edit
from certificates import CERTIFICATE, certified

from eeinfer.bundle.certificate import Certificate, CertifiedPromise, files_digest, void
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest_file import write_manifest
from eeinfer.errors import BundleError

replace = msgspec.structs.replace


def test_it_survives_writing_and_reading(bundle_copy: Path) -> None:
    certificate = certified(bundle_copy)
    assert Bundle.open(bundle_copy).manifest.certificate == certificate
    assert void(certificate, certificate.taus, Bundle.open(bundle_copy).manifest.files) is None


def test_a_bundle_without_one_says_nothing_of_it(bundle_copy: Path) -> None:
    write_manifest(bundle_copy, Bundle.open(bundle_copy).manifest)
    assert "certificate" not in json.loads((bundle_copy / "manifest.json").read_text())
    edit(bundle_copy, lambda data: data.update(certificate=None))
    assert Bundle.open(bundle_copy).manifest.certificate is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"method": "by eye"}, "has the method 'by eye', known are fixed-sequence"),
        ({"taus": [0.5]}, "has 1 taus and 3 counts for 3 exits"),
        ({"exits": [1, 2]}, "has 3 taus and 2 counts for 3 exits"),
        ({"taus": [0.5, 1.5, 0]}, "a tau outside"),
        ({"exits": [1, 2, 3]}, "counts other rows"),
        ({"exits": [-1, 52, 49]}, "counts other rows"),
        ({"exits": [0, 0, 0], "certified_on": 0}, "certified on 0 of 200 rows"),
        ({"certified_on": 100, "rows": 99}, "certified on 100 of 99 rows"),
        ({"data_sha256": "0" * 63}, "has no SHA-256"),
        ({"files_sha256": "G" * 64}, "has no SHA-256"),
        ({"promise": {"kind": "speed", "value": 1}}, "promises 'speed', known are max_loss"),
        ({"promise": {"kind": "max_loss", "value": 0}}, "of nothing above 0"),
        ({"promise": {"kind": "max_loss"}}, "missing required field `value`"),
        ({"promise": {"kind": "max_loss", "value": 1, "sure": True}}, "unknown field `sure`"),
        ({"seed": 0.5}, "Expected `int`"),
        ({"confidence": "high"}, "Expected `float | null`"),
        ({"sure": True}, "unknown field `sure`"),
    ],
)
def test_a_malformed_one_is_refused(bundle_copy: Path, changes: dict[str, Any], reason: str) -> None:
    certified(bundle_copy)
    edit(bundle_copy, lambda data: data["certificate"].update(changes))
    with pytest.raises(BundleError, match=reason):
        Bundle.open(bundle_copy)


def test_other_thresholds_void_it(bundle_copy: Path) -> None:
    certificate, files = certified(bundle_copy), Bundle.open(bundle_copy).manifest.files
    assert void(certificate, (0.9, 0.9, 0.9), files) == (
        "it is for the thresholds 0.5, 0.25, 0, and these are 0.9, 0.9, 0.9"
    )


def test_other_files_void_it(bundle_copy: Path) -> None:
    certificate, files = certified(bundle_copy), dict(Bundle.open(bundle_copy).manifest.files)
    name = next(iter(files))
    files[name] = replace(files[name], sha256="0" * 64)
    assert "segments, precision or calibration" in str(void(certificate, certificate.taus, files))


def test_the_order_of_the_files_does_not_matter(tiny_bundle: Path) -> None:
    files = Bundle.open(tiny_bundle).manifest.files
    assert files_digest(files) == files_digest(dict(reversed(files.items())))


@pytest.mark.parametrize(
    ("promise", "text"),
    [
        (("max_loss", 0.01, None), "accuracy at most 1 point below the full network's"),
        (("min_accuracy", 0.925, None), "accuracy at least 92.5 %"),
        (("consistency", 0.99, None), "at least 99 % answered as the full network does"),
        (("budget_flops", 0.4, None), "at most 40 % of the static network's FLOPs on average"),
        (("budget_ms", 2.0, None), "at most 2 ms on average"),
        (("budget_ms", 2.0, 99.0), "at most 2 ms for 99 % of the images"),
    ],
)
def test_a_promise_is_a_sentence(promise: tuple[str, float, float | None], text: str) -> None:
    kind, value, percentile = promise
    assert str(CertifiedPromise(kind=kind, value=value, percentile=percentile)) == text


def test_the_example_is_one() -> None:
    assert msgspec.convert(msgspec.to_builtins(CERTIFICATE), Certificate) == CERTIFICATE
