"""Training in several processes: each takes its part of every batch, one of them writes."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import torch

from eeinfer.training import load_checkpoint

SCRIPT = """
import sys, torch
torch.set_num_threads(1)
from eeinfer.training import BackboneConfig, DataConfig, PhaseConfig, TrainConfig, train
phase = PhaseConfig(epochs=1, lr=0.05)
train(TrainConfig(
    data=DataConfig(name="synthetic", batch_size=64), backbone=BackboneConfig(name="resnet8", options={"width": 4}),
    exits=(0, 2), regime="+++", phase1=phase, phase2=phase, phase3=phase, device="cpu", devices=2,
), sys.argv[1])
"""


def test_two_processes_train_one_model(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "run")], env=environment, capture_output=True, timeout=300
    )
    assert done.returncode == 0, done.stderr.decode()
    checkpoint = load_checkpoint(tmp_path / "run" / "checkpoint.pt")
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 4
    assert len(checkpoint.provenance["test_accuracy"]) == 3
    assert all(torch.isfinite(value).all() for value in checkpoint.model.state_dict().values())
