"""Writing a bundle as models of Triton (triton-inference-server/server, docs/user_guide/model_repository.md).

scheduler                                  segments
REPO/NAME          one answer a request    REPO/NAME               the loop, which calls the others
REPO/NAME_stream   our scheduler           REPO/NAME_segment_00    a segment ...
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

import onnx

from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.layout import exit_specs
from eeinfer.bundle.manifest import MANIFEST_NAME, Manifest, TensorSpec
from eeinfer.errors import ExportError
from eeinfer.export.single_file.api import EMBEDDED_BYTES, EXTERNAL_TENSOR_BYTES
from eeinfer.export.triton.config import ONNXRUNTIME, PYTHON, TritonConfig
from eeinfer.export.triton.text import config_text
from eeinfer.export.write import beside
from eeinfer.serving.web.settings import model_name

_MAX_BATCH = 32
_QUEUE = {"queue": "1000"}
_TOGETHER = "dynamic_batching { }"
_TWO = "instance_group [ { count: 2 kind: KIND_CPU } ]"  # one takes requests while the other waits for answers
_ONE = "instance_group [ { count: 1 kind: KIND_CPU } ]"
_MODEL = '''"""Written by eeinfer, which has to be importable where this runs."""

from eeinfer.serving.triton.{module} import TritonPythonModel as TritonPythonModel
'''


def export_triton(bundle: str | Path, repository: str | Path, config: TritonConfig | None = None) -> Path:
    """Write a model repository whose model NAME, after the bundle's folder, answers as the bundle does.

    Args:
        bundle: the folder of a bundle.
        repository: the folder to write, which does not exist.
        config: what it is to hold.

    Returns:
        The folder that was written.

    Raises:
        BundleError: the bundle cannot be read.
        ExportError: the folder exists or cannot be written, or Triton cannot run the bundle in this way.
    """
    target, config = repository_target(repository), config or TritonConfig()
    opened = Bundle.open(bundle)
    if config.segments == PYTHON and opened.manifest.device == "cuda":
        raise ExportError(f"{bundle} is made for GPUs, and --segments python runs on a CPU; take {ONNXRUNTIME}")
    with beside(target, hint="choose another place with --triton") as folder:
        if config.segments is None:
            _write_scheduler(opened, folder)
        else:
            _write_segments(opened, folder, config.segments)
        folder.rename(target)
    return target


def repository_target(repository: str | Path) -> Path:
    """Return where the repository goes.

    Raises:
        ExportError: something is there.
    """
    target = Path(repository)
    if target.exists() or target.is_symlink():
        raise ExportError(
            f"{target} exists; name a new folder with --triton and move its models into a repository that is there"
        )
    return target


def _write_scheduler(bundle: Bundle, folder: Path) -> None:
    manifest, name = bundle.manifest, model_name(bundle.path)
    inputs, outputs = [input.tensor for input in manifest.inputs], _answers(manifest)
    stream = f"{name}_stream"
    front = config_text(name, PYTHON, _MAX_BATCH, inputs, outputs, {"to": stream}, f"{_TOGETHER}\n{_TWO}\n")
    _write_model(folder / name, front, "front")
    settings = {"bundle": "model.eeb", "device": manifest.device or "cpu", "threads": "0", **_QUEUE}
    more = f"model_transaction_policy {{ decoupled: true }}\n{_ONE}\n"
    version = _write_model(
        folder / stream, config_text(stream, PYTHON, _MAX_BATCH, inputs, outputs, settings, more), "stream"
    )
    shutil.copytree(bundle.path, version / settings["bundle"])


def _write_segments(bundle: Bundle, folder: Path, backend: str) -> None:
    manifest, name = bundle.manifest, model_name(bundle.path)
    names = [f"{name}_segment_{k:02d}" for k in range(len(manifest.segments))]
    inputs, outputs = [input.tensor for input in manifest.inputs], _answers(manifest)
    settings = {"segments": ",".join(names), **_QUEUE}
    whole = config_text(name, PYTHON, _MAX_BATCH, inputs, outputs, settings, f"{_TOGETHER}\n{_TWO}\n")
    shutil.copy(bundle.path / MANIFEST_NAME, _write_model(folder / name, whole, "segments"))
    for segment, own in zip(manifest.segments, names, strict=True):
        gives = [*exit_specs(len(manifest.classes)), *segment.carried]
        settings, module, more = {}, None, f"default_model_filename: {segment.file!r}\n"
        if backend == PYTHON:
            settings, module, more = {"graph": segment.file, "threads": "1"}, "segment", f"{_ONE}\n"
        text = config_text(own, backend, 0, segment.inputs, gives, settings, more)
        _write_graph(bundle.file(segment.file), _write_model(folder / own, text, module) / segment.file)


def _write_model(folder: Path, config: str, module: str | None) -> Path:
    """Write a model without its data, and return the folder of its only version."""
    version = folder / "1"
    version.mkdir(parents=True)
    (folder / "config.pbtxt").write_text(config, encoding="utf-8")
    if module is not None:
        (version / "model.py").write_text(_MODEL.format(module=module), encoding="utf-8")
    return version


def _write_graph(source: Path, target: Path) -> None:
    """Write a segment with its own weights, which the bundle keeps for all of them."""
    model = onnx.load(source)
    large = model.ByteSize() > EMBEDDED_BYTES
    onnx.save(
        model,
        target,
        save_as_external_data=large,
        location=f"{target.name}.data",
        size_threshold=EXTERNAL_TENSOR_BYTES,
    )


def _answers(manifest: Manifest) -> Sequence[TensorSpec]:
    return (
        *(
            TensorSpec(name=name, dtype=dtype, shape=())
            for name, dtype in (("prediction", "int64"), ("score", "float32"), ("exit", "int64"))
        ),
        TensorSpec(name="logits", dtype="float32", shape=(len(manifest.classes),)),
        *(TensorSpec(name=name, dtype="bool", shape=()) for name in ("near_tau", "late")),
    )
