"""Which peers there are, and where each one is to be found when it is asked for."""

from collections.abc import Mapping, Sequence
from importlib import import_module

from eeinfer.bench.workers.base import Peer
from eeinfer.errors import ConfigError, unknown

SUBJECT = "eeinfer"  # what all others are compared with on the CPU; always there
LEVELS = ("level 3", "level 2", "level 1", "level 0")  # of the native backend on a GPU
_RUNTIME = "onnxruntime"

_KINDS = "eeinfer.bench.peers.kinds"
PEERS: dict[str, str] = {
    SUBJECT: f"{_KINDS}.cascade:Cascade",
    "native": f"{_KINDS}.cascade:Native",
    "predict_one": f"{_KINDS}.cascade:PredictOne",
    "static": f"{_KINDS}.networks:Static",
    "static tuned": f"{_KINDS}.networks:Tuned",
    "cut": f"{_KINDS}.networks:Cuts",
    "sessions": f"{_KINDS}.sessions:Sessions",
    "single-file": f"{_KINDS}.single_file:SingleFile",
    "torch": f"{_KINDS}.torch_eager:Eager",
    "torch.compile": f"{_KINDS}.torch_compiled:Compiled",
    "earlyon": f"{_KINDS}.earlyon_staged:Staged",
    "openvino": f"{_KINDS}.openvino:OpenVino",
    "openvino cut": f"{_KINDS}.openvino:OpenVinoCuts",
    "openvino cascade": f"{_KINDS}.openvino:OpenVinoCascade",
}
GPU_PEERS: dict[str, str] = {
    **{name: f"{_KINDS}.gpu_cascade:Level{name[-1]}" for name in LEVELS},
    _RUNTIME: f"{_KINDS}.gpu_cascade:OnnxRuntime",
    "static": f"{_KINDS}.gpu_networks:Static",
    "cut": f"{_KINDS}.gpu_networks:Cuts",
    "onnxruntime static": f"{_KINDS}.gpu_networks:RuntimeStatic",
    "torch": f"{_KINDS}.torch_eager:Eager",
    "torch.compile": f"{_KINDS}.torch_compiled:Captured",
    "torch-cond": f"{_KINDS}.torch_cond:Cond",
}


def table(device: str) -> Mapping[str, str]:
    """Return the peers for a device, by name."""
    return PEERS if device == "cpu" else GPU_PEERS


def subjects(device: str) -> tuple[str, ...]:
    """Return whom the others may be compared with, best first: the first that runs."""
    return (SUBJECT,) if device == "cpu" else (*LEVELS, _RUNTIME)


def check_name(name: str, device: str = "cpu") -> None:
    """Refuse a name that is not in the table.

    Raises:
        ConfigError: with the names that are.
    """
    if name not in table(device):
        raise ConfigError(unknown("peer", name, table(device)))


def peer_class(name: str, device: str = "cpu") -> type[Peer]:
    """Import a peer's class; what it stands on is imported later, by `Peer.libraries`.

    Raises:
        ConfigError: there is no peer of this name.
    """
    check_name(name, device)
    module, _, attribute = table(device)[name].partition(":")
    kind: type[Peer] = getattr(import_module(module), attribute)
    return kind


def chosen(names: Sequence[str] | None, device: str, subject: str) -> list[str]:
    """Return the wanted peers in the order of the table, the subject before all; None is all of them.

    Raises:
        ConfigError: there is no peer of one of these names.
    """
    for name in names or ():
        check_name(name, device)
    return [subject, *(name for name in table(device) if name != subject and (not names or name in names))]
