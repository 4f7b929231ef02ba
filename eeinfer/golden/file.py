"""The golden file of a bundle: inputs, and what every exit answered to them, for other machines and languages.

It lies beside the bundle, ``model.golden.npz`` beside ``model.eeb``, and docs/bundle.md says it entry by entry. B rows,
E exits, K classes.
"""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.bundle.manifest import Manifest
from eeinfer.errors import InputError
from eeinfer.files import replace_file

FORMAT = 1
SUFFIX = ".golden.npz"
_MOST_BYTES = 1 << 30
_WHEN = (1980, 1, 1, 0, 0, 0)  # the earliest that a ZIP can say: the same answers make the same file

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Golden:
    """What was recorded."""

    fingerprint: str  # of the bundle that answered
    made_with: Mapping[str, str]  # versions and the like, for people
    inputs: tuple[Array, ...]  # as a call takes them, in the manifest's order
    scores: NDArray[np.float32]  # [B, E]
    predictions: NDArray[np.int64]  # [B, E] -1 where the score is not finite
    logits: NDArray[np.float32]  # [B, E, K]
    taus: NDArray[np.float32]  # [E] for `exits`
    exits: NDArray[np.int64]  # [B] where each row leaves; -1 for one with NaN or infinite values

    def __len__(self) -> int:
        return len(self.exits)


def golden_path(bundle: Path) -> Path:
    """Return where the golden file of the bundle at ``bundle`` lies or would lie."""
    whole = bundle.absolute()
    return whole.with_name(f"{whole.name.removesuffix('.eeb')}{SUFFIX}")


def write_golden(path: Path, golden: Golden) -> None:
    """Write the file in one step: a plain ZIP of little-endian arrays, none of them compressed."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, array in _entries(golden):
            data = io.BytesIO()
            little = array.astype(array.dtype.newbyteorder("<"), order="C")
            np.lib.format.write_array(data, little, version=(1, 0), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _WHEN), data.getvalue())
    replace_file(path, content.getvalue())


def read_golden(path: Path, manifest: Manifest, fingerprint: str) -> Golden:
    """Read and check the golden file of one bundle.

    Args:
        path: what `write_golden` wrote.
        manifest: of the bundle.
        fingerprint: of the bundle.

    Raises:
        InputError: it is missing, damaged, of another format, or was recorded from another bundle.
    """
    arrays = _arrays(path)
    try:
        return _checked(path, arrays, manifest, fingerprint)
    except KeyError as error:
        raise _damaged(path, f"it has no entry {error}") from error
    except InputError:
        raise
    except ValueError as error:  # of arrays that do not stack, or of text that is no JSON
        raise _damaged(path, str(error)) from error


def _entries(golden: Golden) -> Iterator[tuple[str, Array]]:
    yield "format", np.asarray(FORMAT, np.int64)
    yield "fingerprint", np.frombuffer(bytes.fromhex(golden.fingerprint), np.uint8)
    yield "made_with", np.frombuffer(json.dumps(dict(golden.made_with)).encode(), np.uint8)
    for number, array in enumerate(golden.inputs):
        yield f"input_{number:02d}", array
    for k in range(golden.scores.shape[1]):
        yield f"logits_{k:02d}", golden.logits[:, k]
        yield f"score_{k:02d}", golden.scores[:, k]
        yield f"prediction_{k:02d}", golden.predictions[:, k]
    yield "taus", golden.taus
    yield "exits", golden.exits


def _arrays(path: Path) -> dict[str, Array]:
    try:
        with zipfile.ZipFile(path) as archive:
            found = archive.infolist()
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in found):
                raise _damaged(path, "its entries are compressed")
            if sum(entry.file_size for entry in found) > _MOST_BYTES:
                raise _damaged(path, f"it has more than {_MOST_BYTES} bytes")
            return {entry.filename.removesuffix(".npy"): _array(archive.read(entry)) for entry in found}
    except FileNotFoundError:
        raise InputError(f"no file {path}; record one with: eeinfer export BUNDLE --golden") from None
    except InputError:
        raise
    except (OSError, ValueError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile) as error:
        raise _damaged(path, str(error)) from error


def _array(data: bytes) -> Array:
    array: Array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    return array


def _checked(path: Path, arrays: dict[str, Array], manifest: Manifest, fingerprint: str) -> Golden:
    if arrays["format"].tolist() != FORMAT:
        raise InputError(f"{path} has the format {arrays['format'].tolist()}, this eeinfer reads {FORMAT}; update it")
    if arrays["fingerprint"].tobytes().hex() != fingerprint:
        raise InputError(
            f"{path} was recorded from another bundle; record it again with: eeinfer export BUNDLE --golden"
        )
    exits = range(len(manifest.segments))
    golden = Golden(
        fingerprint=fingerprint,
        made_with=json.loads(arrays["made_with"].tobytes()),
        inputs=tuple(arrays[f"input_{number:02d}"] for number in range(len(manifest.inputs))),
        scores=np.stack([arrays[f"score_{k:02d}"] for k in exits], axis=1),
        predictions=np.stack([arrays[f"prediction_{k:02d}"] for k in exits], axis=1),
        logits=np.stack([arrays[f"logits_{k:02d}"] for k in exits], axis=1),
        taus=arrays["taus"],
        exits=arrays["exits"],
    )
    if (problem := _problem(golden, len(manifest.classes))) is not None:
        raise _damaged(path, problem)
    return golden


def _problem(golden: Golden, classes: int) -> str | None:
    rows, exits = (*golden.scores.shape, 0)[:2]
    wanted: dict[str, tuple[Array, type[np.generic], tuple[int, ...]]] = {
        "score": (golden.scores, np.float32, (rows, exits)),
        "prediction": (golden.predictions, np.int64, (rows, exits)),
        "logits": (golden.logits, np.float32, (rows, exits, classes)),
        "taus": (golden.taus, np.float32, (exits,)),
        "exits": (golden.exits, np.int64, (rows,)),
    }
    for name, (array, dtype, shape) in wanted.items():
        if array.dtype != dtype or array.shape != shape:
            return f"{name} is {array.dtype} {list(array.shape)}"
    if not isinstance(golden.made_with, dict):
        return "made_with is no JSON object"
    if not rows or any(array.ndim == 0 or len(array) != rows for array in golden.inputs):
        return "its inputs have another number of rows than its answers"
    return None


def _damaged(path: Path, what: str) -> InputError:
    return InputError(f"{path} is no golden file: {what}; record it again with: eeinfer export BUNDLE --golden")
