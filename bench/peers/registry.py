"""Which peers there are, and where each one is to be found when it is asked for."""

from collections.abc import Sequence
from importlib import import_module

from eeinfer.bench.peers.base import Peer
from eeinfer.errors import ConfigError

SUBJECT = "eeinfer"  # what all others are compared with; always there

PEERS: dict[str, str] = {
    SUBJECT: "eeinfer.bench.peers.kinds.cascade:Cascade",
    "static": "eeinfer.bench.peers.kinds.networks:Static",
    "cut": "eeinfer.bench.peers.kinds.networks:Cuts",
    "sessions": "eeinfer.bench.peers.kinds.sessions:Sessions",
    "single-file": "eeinfer.bench.peers.kinds.single_file:SingleFile",
    "torch": "eeinfer.bench.peers.kinds.torch_eager:Eager",
    "torch.compile": "eeinfer.bench.peers.kinds.torch_compiled:Compiled",
    "earlyon": "eeinfer.bench.peers.kinds.earlyon_staged:Staged",
    "openvino": "eeinfer.bench.peers.kinds.openvino_static:OpenVino",
}


def check_name(name: str) -> None:
    """Refuse a name that is not in the table.

    Raises:
        ConfigError: with the names that are.
    """
    if name not in PEERS:
        raise ConfigError(f"unknown peer {name!r}: known are {', '.join(PEERS)}")


def peer_class(name: str) -> type[Peer]:
    """Import a peer's class; what it stands on is imported later, by `Peer.libraries`.

    Raises:
        ConfigError: there is no peer of this name.
    """
    check_name(name)
    module, _, attribute = PEERS[name].partition(":")
    kind: type[Peer] = getattr(import_module(module), attribute)
    return kind


def chosen(names: Sequence[str] | None) -> list[str]:
    """Return the wanted peers in the order of the table, the subject always among them; None is all of them.

    Raises:
        ConfigError: there is no peer of one of these names.
    """
    for name in names or ():
        check_name(name)
    return [name for name in PEERS if not names or name in names or name == SUBJECT]
