import itertools
from pathlib import Path
from types import SimpleNamespace

import exit_networks
import numpy as np
import onnxruntime as ort
import pytest
import torch
from torch import Tensor, nn

import eeinfer
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import MODEL_NAME, Preprocess
from eeinfer.errors import ConfigError, ExportError, ExportWarning
from eeinfer.export import export_bundle

EXAMPLE = torch.zeros(1, 3, 12, 12)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    out = export_bundle(
        exit_networks.build("residual"),
        EXAMPLE,
        tmp_path_factory.mktemp("api") / "tiny",
        classes=list("abcde"),
        taus=[0.5, 0.6, 0.7],
        preprocess=Preprocess(mean=(0.5,) * 3, std=(0.25,) * 3),
        provenance={"regime": "++-"},
        real_inputs=np.random.default_rng(1).random((20, 3, 12, 12), dtype=np.float32),
    )
    return Bundle.open(out)


def test_the_manifest_tells_what_was_given_and_measured(bundle: Bundle) -> None:
    manifest = bundle.manifest
    assert bundle.path.name == "tiny.eeb"
    assert manifest.classes == ("a", "b", "c", "d", "e")
    assert manifest.taus == (0.5, 0.6, 0.7)
    assert manifest.provenance["regime"] == "++-"
    assert manifest.provenance["export"]["torch"] == torch.__version__.split("+")[0]
    assert manifest.parity.inputs == ("random", "real")
    assert all(exit.predictions_equal and exit.max_abs_error <= 1e-4 for exit in manifest.parity.exits)
    assert set(manifest.files) == {MODEL_NAME, "weights.bin", *(f"segment_{k:02d}.onnx" for k in range(3))}


def test_flops_add_up_and_the_static_network_has_no_early_heads(bundle: Bundle) -> None:
    segments = bundle.manifest.segments
    assert list(itertools.accumulate(segment.flops for segment in segments)) == [s.cumulative_flops for s in segments]
    heads_skipped = 2 * (8 * 5 + 8 * 12 * 12)  # two linear heads and the means before them
    assert bundle.manifest.flops.static == segments[-1].cumulative_flops - heads_skipped
    assert bundle.manifest.flops.uncounted == {}


def test_the_whole_graph_is_there_for_static_baselines(bundle: Bundle) -> None:
    session = ort.InferenceSession(bundle.path / MODEL_NAME)
    names = [value.name for value in session.get_outputs()]
    assert names[:4] == [
        "logits_00",
        "score_00",
        "prediction_00",
        "logits_01",
    ]


def test_the_same_model_exports_to_the_same_files(bundle: Bundle, tmp_path: Path) -> None:
    again = Bundle.open(export_bundle(exit_networks.build("residual"), EXAMPLE, tmp_path / "again.eeb"))
    assert again.manifest.files == bundle.manifest.files


def test_the_model_is_left_as_it_was(tmp_path: Path) -> None:
    model = exit_networks.build("residual").train()
    export_bundle(model, EXAMPLE, tmp_path / "m")
    assert all(module.training for module in model.modules())


class Mixing(exit_networks.Residual):
    """Looks at the other rows of the batch."""

    def forward(self, x: Tensor) -> list[Tensor]:
        return super().forward(x - x.mean(0, keepdim=True))


class Noisy(exit_networks.Residual):
    """Never twice the same, even in eval mode."""

    def forward(self, x: Tensor) -> list[Tensor]:
        return [logits + 0.01 * torch.randn_like(logits) for logits in super().forward(x)]


class Branching(exit_networks.Residual):
    """Looks at values in Python, which no graph can hold."""

    def forward(self, x: Tensor) -> list[Tensor]:
        return super().forward(x if x.sum() > 0 else -x)


class Wrapped(nn.Module):
    """Returns what `change` makes of a good model's logits."""

    def __init__(self, change: object) -> None:
        super().__init__()
        self.model, self.change = exit_networks.build("residual"), change

    def forward(self, x: Tensor) -> object:
        assert callable(self.change)
        return self.change(self.model(x))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Mixing(), "answers a row differently alone and in a batch"),
        (Noisy(), "off by .* no randomness in eval mode"),
        (Branching(), "cannot export Branching with a free batch size"),
        (Wrapped(lambda logits: logits[0]), "returns Tensor; return a list"),
        (Wrapped(lambda logits: []), "return a list with one"),
        (Wrapped(lambda logits: [logits[0][:, :3], logits[1]]), r"exit 0 returns logits of shape \(2, 3\)"),
        (Wrapped(lambda logits: [logits[0][:, :, None], logits[1]]), r"exit 0 returns logits of shape"),
        (Wrapped(lambda logits: {"logits": logits, "scores": logits[:1]}), "3 logits but 1 scores"),
        (Wrapped(lambda logits: {"logits": logits, "scores": logits}), r"exit 0 returns a score of shape \(2, 5\)"),
    ],
)
def test_a_model_that_cannot_be_exported_is_refused_and_leaves_nothing(
    model: nn.Module, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match=message):
        export_bundle(model.eval(), EXAMPLE, tmp_path / "m")
    assert not list(tmp_path.iterdir())


class Odd(nn.Module):
    """Counts its calls, writes into its input, returns an object, and has a part that is compiled."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = torch.compile(nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6)))
        self.heads = nn.ModuleList([nn.Linear(4, 3), nn.Linear(6, 3)])
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Tensor, *, scale: float = 0.5) -> SimpleNamespace:
        self.calls += 1
        x.mul_(scale)
        return SimpleNamespace(logits=(self.heads[0](x), self.heads[1](self.body(x))))


def test_odd_wrappers_weights_and_examples_export_and_the_model_stays_as_it_was(tmp_path: Path) -> None:
    model = torch.compile(nn.DataParallel(Odd().double().train()))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.warns(ExportWarning, match="weights in float64"):
        out = export_bundle(model, np.zeros((1, 4)), tmp_path / "m")
    after = model.state_dict()
    assert all(after[name].dtype == value.dtype and torch.equal(after[name], value) for name, value in before.items())
    assert all(module.training for module in model.modules())
    x = torch.randn(5, 4)
    with torch.no_grad(), torch.compiler.set_stance("force_eager"):
        expected = torch.stack(Odd().eval()(x.clone()).logits, 1).numpy()
    with eeinfer.load(out, threads=1) as engine:
        np.testing.assert_allclose(engine.all_exits(x.numpy()).logits, expected, atol=1e-4)


def test_one_logit_is_two_classes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Wrapped(lambda logits: [z[:, :1] * 9 for z in logits])
    out = export_bundle(model, EXAMPLE, tmp_path / "m", classes=["no", "yes"], scores="entropy")
    x = torch.randn(32, *EXAMPLE.shape[1:]) * 3
    with torch.no_grad():
        z = torch.cat(list(model.eval()(x)), 1)
        p = z.sigmoid()
        entropy = 1 + (p * p.log2() + (1 - p) * (1 - p).log2())
    with eeinfer.load(out, threads=1) as engine:
        found = engine.all_exits(x.numpy())
    assert engine.manifest.classes == ("no", "yes")
    np.testing.assert_array_equal(found.predictions, (z > 0).long().numpy())
    np.testing.assert_allclose(found.scores, entropy.numpy(), atol=1e-4)
    assert len(np.unique(found.predictions)) == 2


def test_a_network_of_one_exit_is_a_bundle_too(tmp_path: Path) -> None:
    out = export_bundle(Wrapped(lambda logits: logits[-1:]), EXAMPLE, tmp_path / "m", name="one")
    with eeinfer.load(out, threads=1) as engine:
        assert engine(np.zeros((2, 3, 12, 12), np.float32)).exits.tolist() == [0, 0]


class Autocast(exit_networks.Residual):
    def forward(self, x: Tensor) -> list[Tensor]:
        with torch.autocast("cpu", torch.bfloat16):
            return super().forward(x)


class Unknown(exit_networks.Residual):
    def forward(self, x: Tensor) -> list[Tensor]:
        return super().forward(torch.special.bessel_j0(x))


class FixedBatch(exit_networks.Residual):
    def forward(self, x: Tensor) -> list[Tensor]:
        return super().forward(x.reshape(len(x), 3, 12, 12))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Autocast, "computes in bfloat16, though the weights are float32; take autocast"),
        (Unknown, "bessel_j0.*; write .*bessel_j0.* with other operations"),
        (FixedBatch, r"a free batch size: axis 0 of 'input' became 2; read sizes as x.shape\[0\]"),
    ],
)
def test_the_cause_is_named_with_what_to_do_and_nothing_is_printed(
    make: type[nn.Module], message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ExportError, match=message):
        export_bundle(make(), EXAMPLE, tmp_path / "m")
    assert capfd.readouterr() == ("", "")


def test_an_unbatched_example_is_refused_with_the_shapes_that_were_tried(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"two rows of the example, float32 \[2, 12, 12\] .* the batch first"):
        export_bundle(exit_networks.build("residual"), EXAMPLE[0], tmp_path / "m")


def test_own_scores_must_come_from_the_model(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="scores='own' needs a model that returns a mapping"):
        export_bundle(exit_networks.build("residual"), EXAMPLE, tmp_path / "m", scores="own")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"random_inputs": False}, ExportError, "random_inputs=False leaves nothing to compare on; give real_inputs"),
        ({"classes": ["a"]}, ExportError, "1 class names were given for a model of 5 classes"),
        ({"taus": 1.5}, ExportError, "taus 1.5 do not fit"),
        ({"taus": [0.5]}, ExportError, "3 of them"),
        ({"modules": ["a"]}, ExportError, "modules names 1 exits, the model has 3"),
        ({"scores": "confidence"}, ConfigError, "choose one of max_softmax"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    options: dict[str, object], error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        export_bundle(exit_networks.build("residual"), EXAMPLE, tmp_path / "m", **options)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        ((0.5,), (0.25,), r"^preprocessing has 1 means and 1 stds for 3 channels: give a Preprocess that fits"),
        ((0.5,) * 3, (0.0, 1.0, 1.0), "^preprocessing has a mean or std that is not finite, or a std that is not posi"),
        (
            (124.0, 116.0, 104.0),
            (58.0,) * 3,
            r"^preprocessing has a mean of 124, .*divide means and deviations .* by 255",
        ),
    ],
)
def test_preprocessing_that_does_not_fit_is_told_before_anything_is_cut(
    mean: tuple[float, ...], std: tuple[float, ...], message: str, tmp_path: Path
) -> None:
    rule = Preprocess(mean=mean, std=std)
    with pytest.raises(ExportError, match=message):
        export_bundle(exit_networks.build("residual"), EXAMPLE, tmp_path / "x", preprocess=rule)
    assert list(tmp_path.iterdir()) == []
