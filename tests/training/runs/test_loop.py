import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from eeinfer.cli.progress import shown_progress
from eeinfer.training import BackboneConfig, PhaseConfig, TrainConfig, train
from eeinfer.training.methods import resolve_weights
from eeinfer.training.methods.sdn import SDN
from eeinfer.training.runs.loop import build_optimizer, learning_rate
from eeinfer.training.runs.metrics import METRICS_NAME, MetricsLog


def test_cosine_falls_from_the_peak_to_zero_with_every_step() -> None:
    settings = PhaseConfig(lr=0.4, scheduler="cosine")
    rates = [learning_rate(settings, step, 10) for step in range(11)]
    assert rates[0] == 0.4
    assert rates[5] == pytest.approx(0.2)
    assert rates[10] == pytest.approx(0)
    assert rates == sorted(rates, reverse=True)


def test_steps_fall_to_a_tenth_at_each_milestone() -> None:
    settings = PhaseConfig(lr=0.4, scheduler="steps", milestones=(0.3, 0.8))
    rates = [learning_rate(settings, step, 10) for step in range(10)]
    assert rates == pytest.approx([0.4] * 3 + [0.04] * 5 + [0.004] * 2)


def test_warmup_rises_to_the_peak() -> None:
    settings = PhaseConfig(lr=0.4, scheduler="none", warmup=0.4)
    assert [learning_rate(settings, step, 10) for step in range(6)] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4, 0.4])


def test_each_phase_builds_its_own_optimizer() -> None:
    parameters = [torch.nn.Parameter(torch.zeros(2))]
    sgd = build_optimizer(PhaseConfig(lr=0.5, momentum=0.3, weight_decay=0.01), parameters)
    assert isinstance(sgd, torch.optim.SGD)
    assert (sgd.defaults["lr"], sgd.defaults["momentum"], sgd.defaults["weight_decay"]) == (0.5, 0.3, 0.01)
    adamw = build_optimizer(PhaseConfig(optimizer="adamw", lr=0.5, weight_decay=0.2), parameters)
    assert isinstance(adamw, torch.optim.AdamW)
    assert adamw.defaults["weight_decay"] == 0.2


def test_loss_weights_by_name_and_by_number() -> None:
    assert resolve_weights("mean", 4) == (0.25,) * 4
    assert resolve_weights("linear", 3) == pytest.approx((1 / 6, 2 / 6, 3 / 6))
    assert resolve_weights((1.0, 0.3), 2) == (1.0, 0.3)


def test_the_loss_is_the_weighted_sum_of_the_exits_cross_entropies() -> None:
    sdn = SDN([], 3, TrainConfig().method)
    targets = torch.tensor([0, 1])
    even, sure = torch.zeros(2, 3), 50 * torch.eye(3)[:2]
    assert float(sdn.loss((even, sure), targets, (0.25, 0.75), 0.0)) == pytest.approx(0.25 * math.log(3), abs=1e-6)


# With four channels torch 2.14 writes beyond its memory, channels last and on a processor without AVX-512.
_WIDE = BackboneConfig(name="resnet8", options={"width": 16})


@pytest.mark.parametrize(
    "changes", [{"channels_last": True, "backbone": _WIDE}, {"precision": "bf16-mixed"}, {"threads": 1}]
)
def test_ways_of_computing_train_and_stay_repeatable(
    tiny: TrainConfig, tmp_path: Path, changes: dict[str, object]
) -> None:
    from eeinfer.training import load_checkpoint

    config = replace(tiny, regime="-+-", **changes)  # type: ignore[arg-type]
    first, second = (load_checkpoint(train(config, tmp_path / name)).model.state_dict() for name in "ab")
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert all(value.dtype != torch.bfloat16 for value in first.values())


def test_metrics_are_rewritten_from_history_and_appended(tmp_path: Path) -> None:
    record = {"phase": 1, "epoch": 1, "loss": 1.0, "lr": 0.1, "val_accuracy": [0.5], "seconds": 1.0}
    (tmp_path / METRICS_NAME).write_text("left over\nand cut sho")
    log = MetricsLog(tmp_path, [record], {})
    log.add({**record, "epoch": 2})
    log.close()
    lines = (tmp_path / METRICS_NAME).read_text().splitlines()
    assert ['"epoch": 1' in lines[0], '"epoch": 2' in lines[1], len(lines)] == [True, True, 2]


def test_progress_goes_to_stderr(tiny: TrainConfig, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with shown_progress() as progress:
        train(tiny, tmp_path, progress=progress)
    out, err = capfd.readouterr()
    assert out == ""
    assert "phase 2 epoch   2: loss" in err


def test_training_is_silent_by_default(tiny: TrainConfig, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    train(replace(tiny, regime="-+-", precision="bf16-mixed"), tmp_path)
    assert capfd.readouterr() == ("", "")
