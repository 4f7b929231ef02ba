"""A certificate for the tiny bundle."""

from pathlib import Path

import msgspec

from eeinfer.bundle.certificate import Certificate, CertifiedPromise, files_digest
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest_file import write_manifest

CERTIFICATE = Certificate(
    promise=CertifiedPromise(kind="max_loss", value=0.01),
    limit=0.01,
    confidence=0.95,
    level=0.025,
    method="fixed-sequence",
    bound="betting",
    loss=0.004,
    upper=0.0098,
    taus=(0.5, 0.25, 0.0),
    exits=(40, 35, 25),
    seed=0,
    rows=200,
    certified_on=100,
    data="200 images",
    data_sha256="ab" * 32,
    files_sha256="cd" * 32,
    created="2026-01-01T00:00:00+00:00",
)


def certified(folder: Path) -> Certificate:
    """Give a bundle of three exits thresholds with a certificate that holds."""
    manifest = Bundle.open(folder).manifest
    certificate = msgspec.structs.replace(CERTIFICATE, files_sha256=files_digest(manifest.files))
    write_manifest(folder, msgspec.structs.replace(manifest, taus=certificate.taus, certificate=certificate))
    return certificate
