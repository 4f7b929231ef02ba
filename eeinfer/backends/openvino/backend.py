"""OpenVINO on Intel's and AMD's CPUs: one compiled model per segment, tensors passed on without a copy."""

from collections.abc import Mapping

from eeinfer.backends.host import HostBackend
from eeinfer.backends.openvino.compiled import Compiled
from eeinfer.backends.openvino.library import chosen_device, library, openvino, settings
from eeinfer.backends.profile import find_profile
from eeinfer.backends.row_costs import RowCosts
from eeinfer.backends.threads import PARKED, as_threads
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.layout import bytes_in_front
from eeinfer.errors import BundleError, ConfigError

_NOT_HERE = ("bf16", "fp8")  # neither was tried


class OpenVinoBackend(HostBackend):
    """The segments of one bundle, compiled by OpenVINO. Implements ``eeinfer.backends.base.Backend``.

    Its options: ``device``, a name of OpenVINO's such as "GPU", of which only "CPU" was tried; ``streams``, how many
    runs of one segment are computed at once.
    """

    name = "openvino"
    optimised = None  # OpenVINO's own form is made when a bundle is opened

    def __init__(
        self,
        bundle: Bundle,
        *,
        device: str,
        threads: int | str | None,
        verify: bool,
        options: Mapping[str, str] | None = None,
    ) -> None:
        if bundle.manifest.precision in _NOT_HERE:
            raise BundleError(
                f"{bundle.path} is in {bundle.manifest.precision}, which backend 'openvino' does not run; "
                "take the fp32 bundle that it was made from"
            )
        core, given = openvino().Core(), options or {}
        flops = [segment.flops for segment in bundle.manifest.segments]
        profile = find_profile(bundle, library())
        plan = as_threads(profile.threads if profile and threads is None else threads, flops)
        if plan.mode != PARKED:
            raise ConfigError(f"threads is {threads!r}, and OpenVINO has pools of its own: give a count, such as 2")
        self.device, self.threads = device, max(plan.counts)
        target = chosen_device(core, given)
        compiled = Compiled(bundle, core, target, [settings(target, count, given) for count in plan.counts])
        in_front = bytes_in_front(bundle.manifest)
        estimated = RowCosts.estimated(flops, in_front, threads=self.threads)
        costs = profile.costs(in_front) if profile else estimated
        super().__init__(bundle.manifest, costs, one=compiled.one, many=compiled.many)
