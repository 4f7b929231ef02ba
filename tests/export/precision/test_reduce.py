"""A bundle in reduced precision: what is written, what it answers, what it says about itself, and what is refused."""

import hashlib
import shutil
from pathlib import Path

import exit_networks
import numpy as np
import onnx
import pytest
import torch
from certificates import certified

import eeinfer
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import Preprocess
from eeinfer.errors import BundleError, ConfigError, DataError, ExportError, InputError
from eeinfer.export import PrecisionConfig, export_bundle, reduce_precision
from eeinfer.export.reference import Chain
from eeinfer.machine import cache
from eeinfer.preprocess import prepare

SHAPE = (3, 12, 12)
RULE = Preprocess(mean=(0.5,) * 3, std=(0.25,) * 3)
FORMS = {
    "fp16": ("fp16", "cuda", "float16"),
    "bf16": ("bf16", "cuda", "bfloat16"),
    "int8": ("int8", "cpu", "uint8"),
    "int8 for cuda": ("int8", "cuda", "int8"),
    "fp8": ("fp8", "cuda", "float8_e4m3fn"),
}


def network(scale: float = 1.0) -> torch.nn.Module:
    torch.manual_seed(0)
    model = exit_networks.Residual().eval()
    with torch.no_grad():
        for head in model.heads:
            head.weight *= 8  # or every score is near 1 / classes, and nothing can move
        model.stem.weight *= scale
    return model


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_bundle(
        network(), torch.zeros(1, *SHAPE), tmp_path_factory.mktemp("exact") / "net.eeb", preprocess=RULE
    )


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "photos.npz"
    draw = np.random.default_rng(0)
    np.savez(path, images=draw.integers(0, 256, (60, 12, 12, 3), dtype=np.uint8), labels=draw.integers(0, 5, 60))
    return path


@pytest.fixture(scope="module")
def reduced(exact: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reduced")
    return {
        form: reduce_precision(
            exact,
            folder / form,
            config=PrecisionConfig(precision=precision, device=device if form[4:] else None),
            data=photos,
        )
        for form, (precision, device, _) in FORMS.items()
    }


@pytest.mark.parametrize("form", FORMS)
def test_the_bundle_says_what_it_is_and_how_it_differs(reduced: dict[str, Path], exact: Path, form: str) -> None:
    precision, device, dtype = FORMS[form]
    before, manifest = Bundle.open(exact).manifest, Bundle.open(reduced[form]).manifest
    assert (manifest.format_version, manifest.name, manifest.precision, manifest.device) == (3, form, precision, device)
    maps = [spec.dtype for segment in manifest.segments for spec in segment.carried if len(spec.shape) == 3]
    assert maps
    assert set(maps) == {dtype}
    assert (manifest.parity, manifest.taus, manifest.flops) == (before.parity, before.taus, before.flops)
    assert manifest.provenance["precision_of"] == hashlib.sha256((exact / "manifest.json").read_bytes()).hexdigest()
    shift = manifest.shift
    assert shift is not None
    assert (shift.images, shift.calibration_images) == (30, 30 if precision in ("int8", "fp8") else 0)
    for exit in shift.exits:
        assert 0 < exit.max_score_shift < 0.5
        assert 0 < exit.mean_score_shift <= exit.max_score_shift
        assert exit.predictions_equal > 0.8
        assert exit.accuracy_before is not None


@pytest.mark.parametrize("form", FORMS)
def test_weights_are_stored_once_and_smaller(reduced: dict[str, Path], exact: Path, form: str) -> None:
    def weights(folder: Path) -> int:
        return sum(len(tensor.raw_data) for tensor in onnx.load(folder / "model.onnx").graph.initializer)

    assert weights(reduced[form]) < 0.7 * weights(exact)
    names = {path.name for path in reduced[form].iterdir()}
    assert names == {"manifest.json", "model.onnx", "weights.bin", *(f"segment_{k:02d}.onnx" for k in range(3))}


@pytest.mark.parametrize("form", ["fp16", "int8", "int8 for cuda"])
def test_the_engine_answers_as_the_plain_chain(
    reduced: dict[str, Path], photos: Path, form: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))
    manifest = Bundle.open(reduced[form]).manifest
    with np.load(photos) as arrays:
        images = arrays["images"][:16]
    expected = Chain(reduced[form], manifest.segments)(prepare(images, manifest.input))
    with eeinfer.load(reduced[form], threads=1) as engine:
        found = engine.all_exits(images)
        alone = engine(images[0], tau=1.0)
    for k, exit in enumerate(expected):
        np.testing.assert_allclose(found.logits[:, k], exit["logits"], atol=4e-3 * max(1, np.abs(exit["logits"]).max()))
    np.testing.assert_allclose(alone.logits[0], expected[-1]["logits"][0], atol=0.02)
    kept = list(tmp_path.rglob("segment_01.onnx"))
    if form == "fp16" and not kept:  # without half-precision arithmetic a processor rounds elsewhere in the two forms
        assert [*tmp_path.rglob("*.refused")], "the form for this machine was tried, and answers differently"
        return
    assert len(kept) == 1, "the form for this machine answers the same, and is kept"
    operators = {node.op_type for node in onnx.load(kept[0]).graph.node}
    assert ("QLinearConv" in operators) == (form == "int8")


@pytest.mark.parametrize("form", ["bf16", "fp8"])
def test_what_a_cpu_cannot_compute_is_refused_with_what_can(reduced: dict[str, Path], form: str) -> None:
    with pytest.raises(
        BundleError, match=rf"{form}\.eeb is in {form}, which .* not compute on a CPU; run it with TensorRT"
    ):
        eeinfer.load(reduced[form])


@pytest.mark.parametrize("form", ["fp16", "bf16", "int8 for cuda", "fp8"])
def test_tensorrt_reads_what_is_made_for_gpus(reduced: dict[str, Path], form: str) -> None:
    tensorrt = pytest.importorskip("tensorrt_rtx", reason="parses without a GPU: pip install tensorrt-rtx-cu13")
    logger = tensorrt.Logger(tensorrt.Logger.ERROR)
    for segment in Bundle.open(reduced[form]).manifest.segments:
        builder = tensorrt.Builder(logger)
        typed = 1 << int(tensorrt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
        network = builder.create_network(typed)
        parser = tensorrt.OnnxParser(network, logger)  # holds no reference to the network
        accepted = parser.parse_from_file(str(reduced[form] / segment.file))
        assert accepted, [parser.get_error(i).desc() for i in range(parser.num_errors)]


def test_without_images_sixteen_bits_come_without_a_report(exact: Path, tmp_path: Path) -> None:
    said: list[str] = []
    path = reduce_precision(exact, tmp_path / "half", config=PrecisionConfig(precision="bf16"), progress=said.append)
    assert Bundle.open(path).manifest.shift is None
    assert any("no report on accuracy and exits" in line and "--calibration" in line for line in said)
    with pytest.raises(DataError, match="does not say which data set it was trained on; give --calibration"):
        reduce_precision(exact, tmp_path / "byte", config=PrecisionConfig(precision="int8"))
    assert [path.name for path in tmp_path.iterdir()] == ["half.eeb"]


def test_values_beyond_fp16_are_refused_and_nothing_is_left(tmp_path: Path, photos: Path) -> None:
    large = export_bundle(network(scale=2e5), torch.zeros(1, *SHAPE), tmp_path / "large.eeb", preprocess=RULE)
    with pytest.raises(ExportError, match=r"exit 0 has no finite score for 30 of 30 images: .*--precision bf16"):
        reduce_precision(large, config=PrecisionConfig(precision="fp16"), data=photos)
    assert [path.name for path in tmp_path.iterdir()] == ["large.eeb"]


def test_a_network_that_is_all_heads_has_nothing_for_eight_bits(photos: Path, tmp_path: Path) -> None:
    class OnlyHead(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = torch.nn.Linear(3, 5)

        def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
            return [self.head(x.mean((2, 3)))]

    bundle = export_bundle(OnlyHead().eval(), torch.zeros(1, *SHAPE), tmp_path / "flat.eeb", preprocess=RULE)
    with pytest.raises(ExportError, match="belongs to an exit's head, and heads stay in float32"):
        reduce_precision(bundle, config=PrecisionConfig(precision="int8"), data=photos)
    assert [path.name for path in tmp_path.iterdir()] == ["flat.eeb"]


def test_a_reduced_bundle_is_not_reduced_again(reduced: dict[str, Path], photos: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="is in int8 already; reduce the fp32 bundle that it was made from"):
        reduce_precision(reduced["int8"], tmp_path / "x", config=PrecisionConfig(precision="fp16"), data=photos)


def test_an_existing_bundle_is_replaced_with_force_alone(
    reduced: dict[str, Path], exact: Path, photos: Path, tmp_path: Path
) -> None:
    target = shutil.copytree(reduced["fp16"], tmp_path / "mine.eeb")
    config = PrecisionConfig(precision="int8", calibration_images=4, report_images=5)
    with pytest.raises(ExportError, match="exists; replace it with --force"):
        reduce_precision(exact, target, config=config, data=photos)
    assert Bundle.open(target).manifest.precision == "fp16"
    reduce_precision(exact, target, config=config, data=photos, force=True)
    shift = Bundle.open(target).manifest.shift
    assert shift is not None
    assert (shift.calibration_images, shift.images) == (4, 5)


def test_images_of_another_kind_leave_nothing_behind(exact: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "grey.npz", images=np.zeros((6, 12, 12), np.uint8))
    with pytest.raises(InputError, match="channel"):
        reduce_precision(exact, tmp_path / "x", config=PrecisionConfig(precision="int8"), data=tmp_path / "grey.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["grey.npz"]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"precision": "int4"},
            r"precision 'int4' is not known; did you mean 'int8'\? choose one of fp32, fp16, bf16, int8, fp8",
        ),
        (
            {"precision": "int8", "device": "tpu"},
            r"device 'tpu' is not known; did you mean 'cpu'\? choose one of cpu, cuda",
        ),
        ({"precision": "fp16", "device": "cpu"}, "fp16 is for GPUs; on a CPU take --precision int8"),
        ({"precision": "int8", "calibration_images": 0}, "calibration_images is 0; give 1 or more"),
        ({"precision": "int8", "ranges": "entropy"}, "calibration 'entropy' is not known; choose one of mse"),
    ],
)
def test_settings_that_do_not_fit_say_what_does(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        PrecisionConfig(**settings)  # type: ignore[arg-type]  # wrong on purpose


def test_a_certificate_is_not_taken_over(exact: Path, tmp_path: Path) -> None:
    source = shutil.copytree(exact, tmp_path / "source.eeb")
    certified(source)
    target = reduce_precision(source, tmp_path / "half", config=PrecisionConfig(precision="fp16"))
    assert Bundle.open(source).manifest.certificate is not None
    assert Bundle.open(target).manifest.certificate is None
