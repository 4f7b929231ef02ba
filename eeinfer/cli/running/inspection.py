"""``eeinfer inspect``; not named after its command, because the standard library has an ``inspect``."""

import json
from typing import TYPE_CHECKING, Any

import typer

from eeinfer.cli.app import Debug, Json, command, show
from eeinfer.cli.bundles import BundleArgument, chosen_bundle

if TYPE_CHECKING:
    from collections.abc import Iterable

    from eeinfer.bundle.folder import Bundle
    from eeinfer.bundle.manifest import Manifest, TensorSpec
    from eeinfer.bundle.optimised import Target


_SHORT = 160  # characters of a fact that still make a line


@command(example="eeinfer inspect")
def inspect(bundle: BundleArgument = None, json_output: Json = False, debug: Debug = False) -> None:
    """Show a bundle: its segments, the tensors carried between them, TensorRT plans, FLOPs, parity with torch, origin.

    Every file is checked against its hash first; an altered bundle is an error. Plans and optimised forms that were
    altered, or built from other segments, are said to be so.
    """
    from eeinfer.bundle.folder import Bundle

    opened = Bundle.open(chosen_bundle(bundle))
    if json_output:
        typer.echo(json.dumps(_facts(opened), indent=2))
        return
    manifest = opened.manifest
    built = *_plans(opened), *_forms(opened)
    for line in (
        *_heading(opened),
        *_segments(manifest),
        *_certificate(manifest),
        *_shift(manifest),
        *built,
        f"  on the CPU: {_on_cpu(opened)['how']}",
        *_origin(manifest),
    ):
        show(line)


def _facts(bundle: "Bundle") -> dict[str, Any]:  # JSON
    """The manifest, and what follows from it."""
    import msgspec

    from eeinfer.bundle.builds import survey
    from eeinfer.bundle.layout import alive
    from eeinfer.bundle.optimised import survey_forms

    segments = bundle.manifest.segments
    return {
        "path": str(bundle.path),
        "hashes": "ok",
        "carried_bytes_per_sample": [_bytes(segment.carried, bundle.manifest) for segment in segments],
        "alive_bytes_per_sample": [_bytes(kept, bundle.manifest) for kept in alive(bundle.manifest)],
        "plans": [
            {"folder": found.folder, "problem": found.problem, "build": msgspec.to_builtins(found.build)}
            for found in survey(bundle)
        ],
        "optimised": [
            {
                "folder": form.folder,
                "problem": form.problem,
                "target": form.build and msgspec.to_builtins(form.build.target),
                "here": form.build is not None and form.build.target == _here(bundle),
            }
            for form in survey_forms(bundle)
        ],
        "on_cpu": _on_cpu(bundle),
        "certificate_void": _void(bundle.manifest),
        "manifest": msgspec.to_builtins(bundle.manifest),
    }


def _on_cpu(bundle: "Bundle") -> dict[str, str]:
    """What `device="cpu"` takes on this machine, and why."""
    from eeinfer.backends.chosen import by_itself

    backend, how = by_itself(bundle)
    return {"backend": backend, "how": how}


def _void(manifest: "Manifest") -> str | None:
    from eeinfer.bundle.certificate import void

    found = manifest.certificate
    return None if found is None else void(found, manifest.taus, manifest.files)


def _heading(bundle: "Bundle") -> list[str]:
    manifest = bundle.manifest
    shown = ", ".join(manifest.classes[:10]) + (", ..." if len(manifest.classes) > 10 else "")
    size_bytes = sum(entry.bytes for entry in manifest.files.values())
    return [
        f"{manifest.name}  {bundle.path}",
        f"  format {manifest.format_version}, {len(manifest.files)} files, {size_bytes / 1e6:.2f} MB, hashes ok",
        f"  precision {manifest.precision}" + (f", made for {manifest.device}" if manifest.device else ""),
        *(f"  input {_spec(input.tensor)}" for input in manifest.inputs),
        *(f"  axis {name}: {axis.min} to {axis.max}" for name, axis in manifest.axes.items()),
        f"  score {manifest.score}",
        f"  {len(manifest.classes)} classes: {shown}",
    ]


def _spec(tensor: "TensorSpec") -> str:
    return f"{tensor.name} {tensor.dtype} [{', '.join(map(str, ('batch', *tensor.shape)))}]"


def _bytes(tensors: "Iterable[TensorSpec]", manifest: "Manifest") -> int:
    """What one row of them occupies, dynamic axes at their longest."""
    from eeinfer.bundle.layout import bytes_per_sample

    return sum(bytes_per_sample(tensor, manifest.axes) for tensor in tensors)


def _at_most(manifest: "Manifest") -> str:
    return f", with {' and '.join(manifest.axes)} at the longest" if manifest.axes else ""


def _segments(manifest: "Manifest") -> list[str]:
    """One line per exit, one per carried tensor, then what crosses the cut behind the exit in all."""
    from eeinfer.bench.reporting.formats import FlopsUnit
    from eeinfer.bundle.layout import alive

    unit = FlopsUnit(max(manifest.flops.static, manifest.segments[-1].cumulative_flops))
    columns = f"{'exit':>6}{'tau':>8}{unit.name:>11}{'cumulative':>12}{'share':>8}{'max error':>11}  module"
    lines = ["", f"{columns}, and what is carried on"]
    for index, (segment, tau, parity, kept) in enumerate(
        zip(manifest.segments, manifest.taus, manifest.parity.exits, alive(manifest), strict=True)
    ):
        share = segment.cumulative_flops / manifest.flops.static
        lines.append(
            f"{index:>6}{tau:>8.3f}{unit.text(segment.flops):>11}{unit.text(segment.cumulative_flops):>12}"
            f"{share:>8.1%}{parity.max_abs_error:>11.1e}  {segment.module}"
        )
        for tensor in segment.carried:
            shape = f"{tensor.name}: {' x '.join(map(str, tensor.shape))} {tensor.dtype}"
            lines.append(f"{'':>58}{shape}, {_bytes([tensor], manifest)} bytes per sample")
        if kept:
            count = f"{len(kept)} tensor{'s' if len(kept) > 1 else ''}"
            size = f"{_bytes(kept, manifest)} bytes per sample{_at_most(manifest)}"
            lines.append(f"{'':>58}alive behind this exit: {count}, {size}")
    lines.append(f"  share: of the {unit.text(manifest.flops.static)} {unit.name} of the network without early exits")
    lines.append(f"  FLOPs: {manifest.flops.convention}; uncounted: {manifest.flops.uncounted or 'nothing'}")
    return lines


def _certificate(manifest: "Manifest") -> list[str]:
    """What the thresholds were shown to promise, and whether that still holds."""
    found = manifest.certificate
    if found is None:
        return []
    sure = "in expectation" if found.confidence is None else f"confidence {100 * found.confidence:.4g} %"
    how = found.method if found.bound is None else f"{found.method}, {found.bound}"
    why = _void(manifest)
    return [
        "",
        f"certificate: {found.promise}, {sure}",
        f"  {'holds' if why is None else f'void: {why}; get a new one with: eeinfer thresholds'}",
        f"  shown on {found.certified_on} of {found.rows} images ({how}, seed {found.seed}), {found.created}",
        f"  data {found.data}, SHA-256 {found.data_sha256}",
    ]


def _shift(manifest: "Manifest") -> list[str]:
    from eeinfer.cli.exporting.precision import shift_lines

    return [] if manifest.shift is None else ["", *shift_lines(manifest.shift, manifest.precision)]


def _plans(bundle: "Bundle") -> list[str]:
    """A line for every folder of TensorRT plans, and one on what is wrong with it."""
    from eeinfer.bundle.builds import survey
    from eeinfer.cli.exporting.plans import described

    found = survey(bundle)
    lines = ["", "plans"] if found else []
    for entry in found:
        lines.append(f"  {described(entry.build) if entry.build else entry.folder}")
        lines.append(f"    {'built from these segments, hashes ok' if entry.problem is None else entry.problem}")
    return lines


def _forms(bundle: "Bundle") -> list[str]:
    """A line for every optimised form, one on what it was made for, and one on what is wrong with it."""
    from eeinfer.bundle.optimised import survey_forms

    found, here = survey_forms(bundle), _here(bundle)
    lines = ["", "optimised forms"] if found else []
    for form in found:
        if form.build is None:
            lines.append(f"  {form.folder}")
        else:
            target, size_bytes = form.build.target, sum(file.bytes for file in form.build.files.values())
            lines.append(f"  onnxruntime {target.library_version}, form {target.form}, {size_bytes / 1e6:.1f} MB")
            lines.append(f"    made for {target.instruction_sets}")
        fits = form.build is not None and form.build.target == here
        lines.append(f"    {form.problem or ('used on this machine' if fits else 'for other machines or versions')}")
    return lines


def _here(bundle: "Bundle") -> "Target | None":
    """What a form has to be made for to be used here; None where there is no ONNX Runtime."""
    from eeinfer.backends.ort.optimised import target
    from eeinfer.errors import DependencyError

    try:
        return target(bundle)
    except DependencyError:
        return None


def _origin(manifest: "Manifest") -> list[str]:
    parity = manifest.parity
    equal = all(entry.predictions_equal for entry in parity.exits)
    origin = "" if manifest.precision == "fp32" else ", of the fp32 bundle that it was made from"
    return [
        "",
        f"parity with torch{origin}: {'/'.join(parity.inputs)} inputs, "
        f"batches {', '.join(map(str, parity.batch_sizes))}, tolerance {parity.tolerance:g}, "
        f"predictions {'equal' if equal else 'differ'}",
        *_provenance(manifest.provenance),
    ]


def _provenance(facts: dict[str, Any]) -> list[str]:  # JSON
    """Short facts in full; of the long ones, such as the metrics of every epoch, the name."""
    texts = {key: json.dumps(value) for key, value in facts.items()}
    lines = [f"{key}: {text}" for key, text in texts.items() if len(text) <= _SHORT]
    long = [key for key, text in texts.items() if len(text) > _SHORT]
    return [*lines, f"with --json also: {', '.join(long)}"] if long else lines
