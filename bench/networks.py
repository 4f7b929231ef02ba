"""The networks that a cascade is measured against: parts of model.onnx, each run as one session.

Their sessions are opened as the runtime opens its own, and their inputs and outputs are bound beforehand: a baseline
that was handicapped would flatter the cascade.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.backends.cores import physical_cores
from eeinfer.backends.sessions import open_session
from eeinfer.bench.timing import Call
from eeinfer.bundle import Bundle
from eeinfer.errors import DependencyError
from eeinfer.manifest import WEIGHTS_NAME

Array = NDArray[Any]

ALL_EXITS = "all exits"  # in one session
STATIC = "static network"
KINDS = ("logits", "score", "prediction")


def cut_name(exit: int) -> str:
    """What the network cut at ``exit`` is called."""
    return f"cut at exit {exit}"


def fixed_networks(bundle: Bundle, batches: Sequence[Array], threads: int | None) -> dict[str, Call]:
    """Open the network cut at each early exit, without early exits, and with every exit computed.

    A network that ends at exit k computes what its own answer needs: heads before k only where k reads them.

    Args:
        bundle: whose model.onnx is cut.
        batches: prepared inputs [batch, *shape], all of one shape.
        threads: of each session; None as the runtime chooses.

    Returns:
        A call for each, by name, in order of depth; it runs the network on the batch at a position.

    Raises:
        DependencyError: the onnx package is missing.
    """
    exits = len(bundle.manifest.segments)
    names = {**{cut_name(k): [k] for k in range(exits - 1)}, STATIC: [exits - 1], ALL_EXITS: [*range(exits)]}
    count = physical_cores() if threads is None else threads
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        paths = _write_parts(bundle, list(names.values()), Path(folder))
        sessions = [open_session(path, threads=count)[0] for path in paths]
    return {name: _bound(session, batches) for name, session in zip(names, sessions, strict=True)}


def _write_parts(bundle: Bundle, ends: Sequence[Sequence[int]], folder: Path) -> list[Path]:
    """Write one graph per list of exits, their weights beside them: external data may not leave a graph's folder."""
    try:
        import onnx

        from eeinfer.export.graphs import extract
    except ImportError as error:
        raise DependencyError("the fixed networks are cut with onnx: pip install 'eeinfer[bench]'") from error
    model = onnx.load(bundle.model, load_external_data=False)
    weights = bundle.file(WEIGHTS_NAME)
    if weights.exists():
        _link(weights, folder / WEIGHTS_NAME)
    paths = [folder / f"network_{position:02d}.onnx" for position in range(len(ends))]
    for path, exits in zip(paths, ends, strict=True):
        onnx.save(extract(model, [f"{kind}_{k:02d}" for k in exits for kind in KINDS]), path)
    return paths


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


def _bound(session: Any, batches: Sequence[Array]) -> Call:
    from onnxruntime import OrtValue

    buffer = np.zeros_like(batches[0])
    binding = session.io_binding()
    binding.bind_ortvalue_input(session.get_inputs()[0].name, OrtValue.ortvalue_from_numpy(buffer))
    for output in session.get_outputs():
        binding.bind_output(output.name)

    def call(batch: int) -> None:
        np.copyto(buffer, batches[batch])
        session.run_with_iobinding(binding)

    return call
