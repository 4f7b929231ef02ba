"""A peer's process on a GPU that is none: TensorRT and CUDA are the fakes, plans are notes for them."""

import os

import native_engines
import pytest
from fake_cuda import FakeCuda
from fake_tensorrt import add_plans

from eeinfer.bench.workers import worker

REFUSES = "EEINFER_TEST_REFUSES"  # calls of CUDA that the fake refuses

with (
    native_engines.fakes(FakeCuda(schedule="eager", refuses=os.environ.get(REFUSES, "").split())) as cuda,
    pytest.MonkeyPatch.context() as patch,
):
    patch.setattr("eeinfer.bench.peers.kinds.gpu_networks.open_cuda", lambda device: cuda)
    patch.setattr("eeinfer.export.trt.api.build_plans", lambda path, config: [add_plans(path, batches=config.batches)])
    worker.main()
