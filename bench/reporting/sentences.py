"""What the report says in words; the same in the terminal and on the page."""

from collections.abc import Mapping, Sequence

from eeinfer.bench.environment import Environment, GpuFacts
from eeinfer.bench.reporting.formats import (
    chosen,
    milliseconds,
    own_name,
    percent,
    selection,
)
from eeinfer.bench.reporting.report import BundleFacts, Report
from eeinfer.bench.timing.energy import Energy

METHOD = (
    "The cascade is run for real at each threshold, always on the same images. All variants, the fixed networks among "
    "them, take turns in random order through the whole measurement, so that a change of clock or load meets all of "
    "them. A mean is over images, each with the median of its rounds; median, minimum and percentiles are over all "
    "single calls. Times begin with the prepared tensor in memory and end with the answer."
)
SAMPLE = (
    "The timed images are a systematic random sample: the test images in the order of their cost over all thresholds, "
    "every n-th taken from a random start, so that the sample leaves at the exits as the whole test set does."
)
SAVED = (
    "Latency saved over FLOPs saved is the share of the static network's milliseconds that the cascade saves, divided "
    "by the share of its FLOPs that it saves on the same images: 1 is ideal, below 0 the cascade is slower."
)
LINSPACE = (
    "One tau for all exits, evenly over [0, 1]. Between the last two thresholds and 1 there often is a cliff: a "
    "well-trained network gives most images a score above 0.99, and an even grid has few points there."
)
LOG = (
    "One threshold T for all exits, the entropy in nats below which an image leaves (tau is 1 - T / ln K), evenly in "
    "its logarithm from 0.0001 to 10, with both ends of the score."
)
PATIENCE = (
    "One patience t for all exits: an image leaves when its score is above t of as many steps as there are exits, so "
    "when more than t exits in a row agree (tau is half-way to the next step)."
)
BUDGET = (
    "One tau per exit, in the JSON and CSV: fitted on {} images, a random part set aside for this alone, so that there "
    "the shares leaving change from exit to exit by the factor p / 20 (MSDNet's budgets, p = 1 to 39)."
)
GRIDS = {"linspace": LINSPACE, "log": LOG, "patience": PATIENCE, "budget": BUDGET}
CUTS = (
    "FLOPs of a network cut at an exit are those of leaving there, so they include the heads before it; its time does "
    "not: the cut network computes only what its own answer needs."
)
BUDGETS = (
    "Budgets are shares of the static network's FLOPs. Largest affordable tau: the last threshold, in the order of "
    "cost, whose mean FLOPs stay within the budget; Max is the dearest, with tau 1 the last exit. Best affordable "
    "accuracy: the most accurate threshold strictly below the budget; Max is the best of all. A dash: even the first "
    "threshold costs more."
)
OVERHEAD = (
    "Back-to-back pairs on the same images; the ratio is the median over pairs. Leaving at exit k is compared with the "
    "network cut at exit k, never leaving with all exits computed in one session."
)
DEVICE_TIMES = (
    "The GPU's own milliseconds lie between two CUDA events, with everything put into the stream at once and nothing "
    "read in between: what the cascade takes beyond them is spent on the host, mostly on waiting for scores."
)
BREAK_EVEN = (
    "An exit pays on mean latency if, of the images that reach it, more leave than its cost (head, decision, border to "
    "the next segment) divided by the time that leaving there saves."
)

SEEN = "; they were certified on images of this name, so their accuracy here is not independent: measure on others"


def title(report: Report) -> str:
    """What was measured, on what."""
    return f"{report.bundle.name} on {report.data.name}, {report.environment.device}"


def circumstances(report: Report) -> str:
    """The one line that must stand beside the numbers."""
    place, settings = report.environment, report.settings
    versions = ", ".join(f"{name} {version}" for name, version in place.versions.items())
    others = f"; thresholds fitted on {report.data.calibration} others" if report.data.calibration else ""
    return (
        f"{processor(place, _threads(report))}, batch {settings.batch}; {versions}; accuracy on {report.data.images} "
        f"images, time on {report.data.timed} of them x {rounds(settings.rounds)}{others}; {report.flops.convention}"
    )


def busy(place: Environment) -> str:
    """What a reader must know before believing times; nothing where all is well."""
    if place.load is None or place.load <= 1.5 * place.cores:
        return ""
    return (
        f"the machine was busy when this began (load {place.load:.1f} on {place.cores} cores): "
        "these times say little; measure again on an idle one"
    )


def few_rounds(report: Report) -> str:
    """What a reader must know where hardly anything was repeated; nothing where all is well."""
    count = report.settings.rounds
    if count >= 3:
        return ""
    return (
        f"{rounds(count)} alone: one disturbance is enough to upset these times; measure without --rounds, or in more"
    )


def library(place: Environment) -> list[tuple[str, str]]:
    """What ran the segments on the CPU, and why that; nothing on a GPU."""
    return [] if place.how is None else [("ran by", place.how)]


def processor(place: Environment, threads: str) -> str:
    """What computed: a GPU and its driver, or a processor, its ``threads`` and, unless it is the fast one, the form."""
    if place.gpu is not None:
        return f"{place.gpu.name}, {driver(place.gpu)}"
    return f"{place.cpu}, {threads}{', segments as exported' if place.plain else ''}"


def driver(gpu: GpuFacts) -> str:
    """What drives it."""
    return f"driver {gpu.driver or 'unknown'}, CUDA up to {gpu.cuda or 'unknown'}"


def clocks(gpu: GpuFacts) -> str:
    """How fast it ran."""
    if gpu.sm_mhz is None or gpu.memory_mhz is None:
        return "clocks unknown: pip install nvidia-ml-py"
    return f"clocks after timing: SM {gpu.sm_mhz} of {gpu.max_sm_mhz} MHz, memory {gpu.memory_mhz} MHz"


def form(place: Environment) -> list[tuple[str, str]]:
    """In which form the segments ran, where that is not the fast one."""
    if not place.plain:
        return []
    return [("segments", "run as exported: no form of them is kept for this machine; eeinfer doctor shows its cache")]


def _gpu_facts(report: Report) -> list[tuple[str, str]]:
    gpu, energy = report.environment.gpu, report.energy
    if gpu is None:
        return []
    rows = [
        gpu_line(gpu),
        ("cascade", f"run by {gpu.backend}" + (f" at level {gpu.level}" if gpu.level else "")),
        ("fixed networks", f"run by {gpu.networks}"),
    ]
    if isinstance(energy, Energy):
        text = (
            f"static network {energy.static_mj:.2f} mJ per image, {chosen(report)} {energy.cascade_mj:.2f} mJ, "
            f"idle {energy.idle_watts:.1f} W included; the GPU's own counter over {energy.seconds:g} s each"
        )
    else:
        text = "not measured: this GPU has no counter, or nvidia-ml-py is not installed, or energy_seconds is 0"
    return [*rows, ("energy", text)]


def threads(count: int) -> str:
    """So many threads."""
    return f"{count} thread{'s' if count != 1 else ''}"


def rounds(count: int) -> str:
    """So many rounds."""
    return f"{count} round{'s' if count != 1 else ''}"


def _threads(report: Report) -> str:
    return threads(report.environment.threads or report.environment.cores)


def selection_note(report: Report) -> str:
    """How many thresholds there are beside those shown."""
    shown, run = len(selection(report)), len(report.thresholds)
    text = f"{shown} of {run} thresholds shown, {_runs(report)}"
    batch = report.settings.batch
    return f"{text}; ms per image" + (f", in batches of {batch}" if batch > 1 else "")


def _runs(report: Report) -> str:
    run, every = report.settings.runs, len(report.thresholds)
    if run == every:
        return "all of them run"
    return f"{run} of {every} run, the others send every timed image the same way as one of these"


def own(report: Report) -> str:
    """The bundle's own thresholds: what is promised of them, and how long single calls take."""
    row, calls = report.own.threshold, report.own.calls
    taus = ", ".join(f"{tau:.4g}" for tau in (row.taus[:1] if len(set(row.taus)) == 1 else row.taus[:-1]))
    promise = "" if report.own.promise is None else f" ({report.own.promise})"
    p50, p90, p99 = (milliseconds(report, ms) for ms in (calls.median_ms, calls.p90_ms, calls.p99_ms))
    unit = "images" if report.settings.batch == 1 else "batches"
    return (
        f"{own_name(report)}, tau {taus}{promise}: {p50} ms at the 50th percentile, {p90} at the 90th, {p99} at the "
        f"99th, one call for each of {calls.calls} {unit}{SEEN if report.own.seen else ''}"
    )


def grid(report: Report) -> str:
    """Which thresholds these are."""
    return GRIDS[report.grid.family].format(report.data.calibration)


def budget(fraction: float | None) -> str:
    """A column of the budget table."""
    return "Max" if fraction is None else f"{100 * fraction:.0f} %"


def load(place: Environment) -> str:
    """How busy the machine was."""
    return "unknown" if place.load is None else f"{place.load:.1f} before"


def about_bundle(bundle: BundleFacts) -> list[tuple[str, str]]:
    """Which network this is."""
    return [
        ("bundle", f"{bundle.name}, manifest SHA-256 {bundle.sha256}"),
        ("network", f"{len(bundle.modules)} exits at {', '.join(bundle.modules)}; {bundle.classes} classes"),
        ("input", _shapes(bundle.inputs)),
    ]


def about_system(place: Environment) -> list[tuple[str, str]]:
    """What it ran on, beside the device."""
    return [
        ("system", f"{place.system}, Python {place.python}"),
        ("versions", ", ".join(f"{name} {version}" for name, version in place.versions.items())),
    ]


def gpu_line(gpu: GpuFacts) -> tuple[str, str]:
    """Which GPU, and how fast it ran."""
    return "GPU", f"{gpu.name}, compute capability {gpu.capability}, {driver(gpu)}; {clocks(gpu)}"


def _static(report: Report) -> str:
    """Say which network was timed as the one without early exits."""
    if any(cut.exit == report.static.exit for cut in report.cuts):
        return (
            "the backbone with its own classifier; the last exit reads heads besides, which this network does not have"
        )
    return "the network cut at the last exit, which holds heads only where that exit reads them"


def _shapes(inputs: Mapping[str, Sequence[int | str]]) -> str:
    """Name the shape of a bundle's input, or every input and its shape."""
    texts = {name: " x ".join(map(str, shape)) for name, shape in inputs.items()}
    if len(texts) == 1:
        return next(iter(texts.values()))
    return ", ".join(f"{name} {text}" for name, text in texts.items())


def facts(report: Report) -> list[tuple[str, str]]:
    """Everything the numbers depend on, by name."""
    place, settings, bundle = report.environment, report.settings, report.bundle
    uncounted = ", ".join(f"{name} ({count})" for name, count in report.flops.uncounted.items()) or "none"
    agreement = min(row.agreement for row in report.thresholds)
    return [
        *about_bundle(bundle),
        ("score", bundle.score),
        ("static network", _static(report)),
        ("FLOPs", f"{report.flops.convention}; operators without a rule to count them: {uncounted}"),
        ("data", f"{report.data.name}: {report.data.images} images for accuracy, {report.data.timed} of them for time"),
        ("thresholds", f"{report.grid.family}: {len(report.thresholds)}, {_runs(report)}. {grid(report)}"),
        ("timing", f"{rounds(settings.rounds)}, {settings.warmup} untimed calls of each variant, seed {settings.seed}"),
        ("agreement", f"{percent(agreement)} % of the timed images left where the sweep says, at every threshold"),
        ("device", f"{place.device}: {place.cpu}, {place.cores} cores, {_threads(report)}, load {load(place)}"),
        *form(report.environment),
        *library(report.environment),
        *_gpu_facts(report),
        *about_system(place),
        ("made", f"{report.created}, in {settings.seconds:.0f} s"),
    ]
