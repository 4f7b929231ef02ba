"""What a run of the command line leaves, and the smallest network to run it on."""

from collections.abc import Callable
from types import SimpleNamespace

from eeinfer.training import BackboneConfig, DataConfig, PhaseConfig, TrainConfig

Done = SimpleNamespace  # status, out, err
Run = Callable[..., Done]


def tiny_recipe() -> TrainConfig:
    phase = PhaseConfig(epochs=1)
    return TrainConfig(
        recipe="tiny",
        data=DataConfig(name="synthetic"),
        backbone=BackboneConfig(name="resnet8", options={"width": 4}),
        exits=(0,),
        phase1=phase,
        phase2=phase,
        device="cpu",
    )


def only_line(text: str) -> str:
    """The one line of an error, without traceback or warning around it."""
    [line] = text.splitlines()
    return line
