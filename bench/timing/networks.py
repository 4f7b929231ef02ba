"""The networks that a cascade is measured against: parts of model.onnx, each run as one session.

Their sessions are opened as the runtime opens its own, and their inputs and outputs are bound beforehand: a baseline
that was handicapped would flatter the cascade.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.backends.base import Inputs
from eeinfer.backends.ort.sessions import open_session
from eeinfer.bench.timing.clock import Call
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import WEIGHTS_NAME
from eeinfer.errors import DependencyError
from eeinfer.machine.cores import physical_cores
from eeinfer.machine.leftovers import temporary_folder

Array = NDArray[Any]

ALL_EXITS = "all exits"  # in one session
STATIC = "static network"
KINDS = ("logits", "score", "prediction")


def cut_name(exit: int) -> str:
    """What the network cut at ``exit`` is called."""
    return f"cut at exit {exit}"


def ends(exits: int) -> dict[str, list[int]]:
    """Return the fixed networks by name, in order of depth, and the exits that each answers for."""
    return {**{cut_name(k): [k] for k in range(exits - 1)}, STATIC: [exits - 1], ALL_EXITS: [*range(exits)]}


def fixed_networks(bundle: Bundle, batches: Sequence[Inputs], threads: int | None) -> dict[str, Call]:
    """Open the network cut at each early exit, without early exits, and with every exit computed.

    A network that ends at exit k computes what its own answer needs: heads before k only where k reads them.

    Args:
        bundle: whose model.onnx is cut.
        batches: prepared inputs, each [batch, *shape] and all of one shape.
        threads: of each session; None as the runtime chooses.

    Returns:
        A call for each, by name, in order of depth; it runs the network on the batch at a position.

    Raises:
        DependencyError: the onnx package is missing.
    """
    names = ends(len(bundle.manifest.segments))
    count = physical_cores() if threads is None else threads
    with temporary_folder("eeinfer-networks") as folder:
        paths = write_parts(bundle, list(names.values()), folder)
        sessions = [open_session(path, threads=count)[0] for path in paths]
    return {name: _bound(session, batches) for name, session in zip(names, sessions, strict=True)}


def write_parts(bundle: Bundle, ends: Sequence[Sequence[int]], folder: Path, *, link: bool = True) -> list[Path]:
    """Write one graph per list of exits, their weights beside them: external data may not leave a graph's folder.

    Args:
        bundle: whose model.onnx is cut.
        ends: for each graph the exits that it answers for.
        folder: where the graphs go; an empty one.
        link: let the weights be a link to the bundle's; while there is one, onnx refuses to read the bundle.

    Raises:
        DependencyError: the onnx package is missing.
    """
    try:
        import onnx

        from eeinfer.export.graph.index import extract
    except ImportError as error:
        raise DependencyError("the fixed networks are cut with onnx: pip install 'eeinfer[bench]'") from error
    model = onnx.load(bundle.model, load_external_data=False)
    weights = bundle.file(WEIGHTS_NAME)
    if weights.exists():
        (_link if link else shutil.copyfile)(weights, folder / WEIGHTS_NAME)
    paths = [folder / f"network_{position:02d}.onnx" for position in range(len(ends))]
    for path, exits in zip(paths, ends, strict=True):
        onnx.save(extract(model, [f"{kind}_{k:02d}" for k in exits for kind in KINDS]), path)
    return paths


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source.resolve())  # a hub's cache is made of links
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


def _bound(session: Any, batches: Sequence[Inputs]) -> Call:
    run, _ = run_bound(session, batches[0])
    return lambda batch: run(batches[batch])


def run_bound(session: Any, example: Inputs) -> tuple[Callable[[Inputs], None], list[Array]]:
    """Bind a session's outputs to memory that its calls share.

    Args:
        session: with the outputs logits, score, prediction of one exit or several.
        example: a batch like those to come.

    Returns:
        What runs a batch of that shape, and the memory that it writes its outputs to.
    """
    from onnxruntime import OrtValue

    binding, names = session.io_binding(), [input.name for input in session.get_inputs()]
    rows, outputs = len(example[names[0]]), list[Array]()
    for output in session.get_outputs():
        shape = (rows, *output.shape[1:])
        outputs.append(np.zeros(shape, np.int64 if output.type == "tensor(int64)" else np.float32))
        binding.bind_ortvalue_output(output.name, OrtValue.ortvalue_from_numpy(outputs[-1]))

    def run(batch: Inputs) -> None:
        for name in names:
            binding.bind_cpu_input(name, batch[name])  # read in place, as the engine's lane does
        session.run_with_iobinding(binding)

    return run, outputs
