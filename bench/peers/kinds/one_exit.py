"""The network cut at one exit as a bundle with a single segment: every backend runs that, as it runs the cascade."""

import shutil
from pathlib import Path

import msgspec

from eeinfer.bench.timing.networks import STATIC, cut_name, part
from eeinfer.bundle.folder import Bundle, hash_file
from eeinfer.bundle.manifest import MODEL_NAME, WEIGHTS_NAME, Manifest, Segment
from eeinfer.bundle.manifest_file import write_manifest


def write_one_exit(bundle: Bundle, exit: int, folder: Path, *, static: bool = False) -> Bundle:
    """Write it into a new folder; heads before ``exit`` are left out where nothing needs them.

    The segment is the whole model, so that both are one file.

    Args:
        bundle: whose model.onnx is cut.
        exit: where it is cut.
        folder: where the new bundle goes.
        static: take the static network, which answers in the place of the last exit.
    """
    import onnx

    from eeinfer.export.graph.cut import cut

    folder.mkdir(parents=True)
    model = onnx.load(bundle.model, load_external_data=False)
    graph = part(model, STATIC if static else cut_name(exit), [exit], len(bundle.manifest.segments))
    [segment] = cut(graph, 1, first=exit)
    onnx.save(segment.model, folder / MODEL_NAME)
    if bundle.file(WEIGHTS_NAME).exists():
        shutil.copyfile(bundle.file(WEIGHTS_NAME), folder / WEIGHTS_NAME)
    write_manifest(folder, _described(bundle, exit, folder, static=static))
    return Bundle.open(folder, verify=False)


def _described(bundle: Bundle, exit: int, folder: Path, *, static: bool) -> Manifest:
    source = bundle.manifest
    flops = source.flops.static if static else source.segments[exit].cumulative_flops
    segment = Segment(
        file=MODEL_NAME,
        inputs=(source.input.tensor,),
        carried=(),
        module=source.segments[exit].module,
        flops=flops,
        cumulative_flops=flops,
    )
    return msgspec.structs.replace(
        source,
        taus=source.taus[exit : exit + 1],
        segments=(segment,),
        parity=msgspec.structs.replace(source.parity, exits=source.parity.exits[exit : exit + 1]),
        shift=None,
        files={path.name: hash_file(path) for path in sorted(folder.iterdir())},
    )
