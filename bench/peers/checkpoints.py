"""Which checkpoint a bundle was exported from: found beside it by its hash, or the one that is named."""

from pathlib import Path

from eeinfer.bundle.folder import Bundle, hash_file
from eeinfer.errors import CheckpointError

_KEY = "checkpoint_sha256"


def find_checkpoint(bundle: Bundle, named: Path | None) -> Path | None:
    """Return the checkpoint for peers that need one.

    Args:
        bundle: opened.
        named: what the user named; None looks beside the bundle for the file whose hash the bundle holds.

    Raises:
        CheckpointError: the named one is missing, or the bundle was exported from another one.
    """
    wanted = bundle.manifest.provenance.get(_KEY)
    if named is None:
        beside = sorted(bundle.path.resolve().parent.glob("*.pt")) if isinstance(wanted, str) else []
        return next((path for path in beside if _sha256(path) == wanted), None)
    if not named.is_file():
        raise CheckpointError(f"checkpoint {named} does not exist; name the file that {bundle.path} was exported from")
    if isinstance(wanted, str) and _sha256(named) != wanted:
        raise CheckpointError(
            f"{bundle.path} was not exported from {named}: its hash is another; "
            f"name the right one, or export it: eeinfer export {named}"
        )
    return named


def _sha256(path: Path) -> str:
    return hash_file(path).sha256
