"""The networks that a cascade is measured against: parts of model.onnx, each run as one session.

Their sessions are opened as the runtime opens its own, and their inputs and outputs are bound beforehand: a baseline
that was handicapped would flatter the cascade.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.backends.base import Inputs
from eeinfer.backends.onnx_runtime import onnxruntime
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
NO_HEADS = "the backbone with its own classifier, without heads"
KINDS = ("logits", "score", "prediction")


def cut_name(exit: int) -> str:
    """What the network cut at ``exit`` is called."""
    return f"cut at exit {exit}"


def ends(bundle: Bundle) -> dict[str, list[int]]:
    """Return the fixed networks by name, in order of depth, and the exits that each answers for.

    The network cut at the last exit is among them where the static network is less than that.
    """
    exits = len(bundle.manifest.segments)
    cuts = range(exits if has_no_heads(bundle) else exits - 1)
    return {**{cut_name(k): [k] for k in cuts}, STATIC: [exits - 1], ALL_EXITS: [*range(exits)]}


def has_no_heads(bundle: Bundle) -> bool:
    """Whether the export noted where the backbone's own logits are, because the last exit reads heads.

    Else the static network is the one cut at the last exit.

    Raises:
        DependencyError: the onnx package is missing.
    """
    onnx = _onnx()
    from eeinfer.export.graph.static import noted_static

    model = onnx.load(bundle.model, load_external_data=False)
    return noted_static(model, len(bundle.manifest.segments)) is not None


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
    names = ends(bundle)
    count = physical_cores() if threads is None else threads
    with temporary_folder("eeinfer-networks") as folder:
        paths = write_parts(bundle, names, folder)
        sessions = [open_session(path, threads=count)[0] for path in paths]
    return {name: _bound(session, batches) for name, session in zip(names, sessions, strict=True)}


def write_parts(bundle: Bundle, ends: Mapping[str, Sequence[int]], folder: Path, *, link: bool = True) -> list[Path]:
    """Write one graph per network, their weights beside them: external data may not leave a graph's folder.

    Args:
        bundle: whose model.onnx is cut.
        ends: the networks by name, and the exits that each answers for.
        folder: where the graphs go; an empty one.
        link: let the weights be a link to the bundle's; while there is one, onnx refuses to read the bundle.

    Raises:
        DependencyError: the onnx package is missing.
    """
    onnx = _onnx()
    model = onnx.load(bundle.model, load_external_data=False)
    weights = bundle.file(WEIGHTS_NAME)
    if weights.exists():
        (_link if link else shutil.copyfile)(weights, folder / WEIGHTS_NAME)
    paths = [folder / f"network_{position:02d}.onnx" for position in range(len(ends))]
    for path, (name, exits) in zip(paths, ends.items(), strict=True):
        onnx.save(part(model, name, exits, len(bundle.manifest.segments)), path)
    return paths


def part(model: Any, name: str, answered: Sequence[int], exits: int) -> Any:  # models of onnx
    """Return the network called ``name`` of a model.onnx with so many exits, which answers for some of them."""
    from eeinfer.export.graph.index import extract
    from eeinfer.export.graph.static import static_network

    if name == STATIC:
        return static_network(model, exits)
    return extract(model, [f"{kind}_{k:02d}" for k in answered for kind in KINDS])


def _onnx() -> Any:
    try:
        import onnx
    except ImportError as error:
        raise DependencyError("the fixed networks are cut with onnx: pip install 'eeinfer[bench]'") from error
    return onnx


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
    made = onnxruntime().OrtValue.ortvalue_from_numpy
    binding, names = session.io_binding(), [input.name for input in session.get_inputs()]
    rows, outputs = len(example[names[0]]), list[Array]()  # ONNX Runtime 1.23 does not hold on to memory that is bound
    for output in session.get_outputs():
        shape = (rows, *output.shape[1:])
        outputs.append(np.zeros(shape, np.int64 if output.type == "tensor(int64)" else np.float32))
        binding.bind_ortvalue_output(output.name, made(outputs[-1]))

    def run(batch: Inputs) -> None:
        for name in names:
            binding.bind_cpu_input(name, batch[name])  # read in place, as the engine's lane does
        session.run_with_iobinding(binding)
        assert outputs  # so they live as long as this function

    return run, outputs
