"""Early-exit methods, one file each: the heads, their combination across exits, the loss and the score."""

from collections.abc import Sequence

from eeinfer.errors import ConfigError, unknown
from eeinfer.training.config import MethodConfig
from eeinfer.training.heads.features import FeatureSpec
from eeinfer.training.methods.base import Method as Method
from eeinfer.training.methods.base import Outputs as Outputs
from eeinfer.training.methods.base import exit_logits as exit_logits
from eeinfer.training.methods.base import resolve_weights as resolve_weights
from eeinfer.training.methods.boostnet import BoostNet
from eeinfer.training.methods.branchynet import BranchyNet
from eeinfer.training.methods.cdl import CDL
from eeinfer.training.methods.gpf import GPF, OriginalGPF
from eeinfer.training.methods.imta import IMTA
from eeinfer.training.methods.pabee import PABEE
from eeinfer.training.methods.pteenet import PTEENet
from eeinfer.training.methods.sdn import SDN
from eeinfer.training.methods.ztw import ZTW
from eeinfer.training.parts import own_part, running, unknown_part

METHODS: dict[str, type[Method]] = {
    "sdn": SDN,
    "cdl": CDL,
    "pteenet": PTEENet,
    "pabee": PABEE,
    "branchynet": BranchyNet,
    "ztw": ZTW,
    "gpf": GPF,
    "gpf_original": OriginalGPF,
    "boostnet": BoostNet,
    "imta": IMTA,
}


def method_class(config: MethodConfig) -> type[Method]:
    """Return the class that `config` names.

    Raises:
        ConfigError: an unknown method, one of the user's own that is none, or an option that it does not take.
    """
    found = own_part("method", config.name, METHODS) or METHODS.get(config.name)
    if found is None:
        raise ConfigError(unknown_part("method", config.name, METHODS))
    if not (isinstance(found, type) and issubclass(found, Method)):
        raise ConfigError(f"{config.name} is no method: it has to be a class below eeinfer.training.methods.Method")
    for name in config.options:
        if name not in found.options:
            raise ConfigError(unknown(f"option of method {config.name}", name, sorted(found.options)))
    if found.score == "own" and config.score != "method":
        raise ConfigError(f"method {config.name} judges its exits itself; score is {config.score!r}, leave it out")
    return found


def build_method(config: MethodConfig, specs: Sequence[FeatureSpec], num_classes: int) -> Method:
    """Build the heads that `config` describes for exits that read `specs`."""
    with running("method", config.name):
        return method_class(config)(specs, num_classes, config)
