"""``eeinfer predict``."""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eeinfer.cli.app import Debug, Json, command, say
from eeinfer.cli.bundles import chosen_bundle
from eeinfer.cli.measuring.options import DeviceName, Threads
from eeinfer.cli.options import Tau, taus
from eeinfer.cli.running.answers import Answer, Lines, as_csv, as_json, as_table
from eeinfer.cli.running.given import STDIN, sources, split_bundle
from eeinfer.cli.threads import share_pool
from eeinfer.errors import DataError, InputError

if TYPE_CHECKING:
    from eeinfer import Engine

Images = Annotated[
    list[str],
    typer.Argument(
        metavar="[BUNDLE] IMAGE...",
        help="Image files, folders, patterns, or - for an image or paths on stdin; a .eeb folder among them answers.",
        show_default=False,
    ),
]
Top = Annotated[
    int, typer.Option(metavar="K", help="Show the K most probable classes of the exit that answered.", min=0)
]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV on stdout.")]
Save = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write the answers to FILE.csv or FILE.json too.", show_default=False),
]


@command(example="eeinfer predict photo.png --tau 0.9")
def predict(
    images: Images,
    bundle: Annotated[
        Path | None,
        typer.Option(help="Without it: the newest one in this folder and its runs, or the shipped one."),
    ] = None,
    tau: Tau = None,
    top: Top = 0,
    device: DeviceName = "cpu",
    threads: Threads = None,
    csv: Csv = False,
    save: Save = None,
    json_output: Json = False,
    debug: Debug = False,
) -> None:
    """Classify images, one after another, each leaving at its first exit whose score is above tau.

    An image that cannot be read is reported and the others go on; the exit status is then 1.
    """
    import eeinfer

    if csv and json_output:
        raise InputError("--csv and --json both ask for stdout; give one of them, and --save for the other")
    _check_save(save)
    named, rest = split_bundle(images, bundle)
    given = sources(rest)
    path = chosen_bundle(named, for_images=True)
    if device == "cpu":
        share_pool(path, threads)
    engine = eeinfer.load(path, tau=taus(tau), device=device, threads=threads)
    kept: list[Answer] = []
    answers = _noting(kept, _answers(engine, given, min(top, len(engine.manifest.classes))))
    table = as_table(engine.manifest, [_name(one) for one in given])
    for number, line in enumerate((as_json if json_output else as_csv if csv else table)(answers)):
        if number == 0 and not json_output and not csv:  # these two say it in every answer
            say(f"answered by {engine.manifest.name}, {engine.bundle.path}")
        typer.echo(line)  # at once: who waits for a thousand images sees the first
    if save is not None:
        _save(save, kept)
    if len(kept) < len(given):
        raise typer.Exit(1)


def _answers(engine: "Engine", given: list[Path | bytes], top: int) -> Iterator[Answer]:
    """Answer one after the other; of those that cannot be read the reason is told."""
    warm = False
    for one in given:
        answer = _tried(engine, one, top, warm=warm)
        if answer is not None:
            warm = True
            yield answer


def _tried(engine: "Engine", one: Path | bytes, top: int, *, warm: bool) -> Answer | None:
    name = _name(one)
    try:
        image = _pixels(one, engine.manifest.input.tensor.sizes()[0])
        if not warm:
            engine(image)  # a first call pays for imports and memory; the times shown should be the cascade's
        return _answer(engine, image, name, top)
    except (DataError, InputError) as error:  # of this image: the others get their answers
        say(f"error: {error}" if name in str(error) else f"error: {name}: {error}")
        return None


def _answer(engine: "Engine", image: Any, name: str, top: int) -> Answer:
    result = engine(image)
    label, classes = int(result.predictions[0]), engine.manifest.classes
    answer = {
        "image": name,
        "bundle": str(engine.bundle.path),
        "class": classes[label] if result.valid[0] else None,
        "score": float(result.scores[0]),
        "exit": int(result.exits[0]),
        "latency_ms": result.latency_ms,
        "flops": int(result.flops[0]),
    }
    return {**answer, "top": _most_probable(result.logits[0], classes, top)} if top else answer


def _most_probable(logits: Any, classes: tuple[str, ...], top: int) -> list[Answer]:
    """The softmax of one row's logits [K], largest first."""
    import numpy as np

    shares = np.exp(logits.astype(np.float64) - logits.max())
    shares /= shares.sum()
    return [{"class": classes[k], "probability": float(shares[k])} for k in np.argsort(-shares, kind="stable")[:top]]


def _pixels(one: Path | bytes, channels: int) -> Any:
    from PIL import Image

    from eeinfer.arrays import read_image, to_pixels

    if isinstance(one, Path):
        return read_image(one, channels)
    with Image.open(io.BytesIO(one)) as image:
        return to_pixels(image, channels)


def _name(one: Path | bytes) -> str:
    return str(one) if isinstance(one, Path) else STDIN


def _noting(kept: list[Answer], answers: Iterable[Answer]) -> Iterator[Answer]:
    for answer in answers:
        kept.append(answer)
        yield answer


def _check_save(path: Path | None) -> None:
    from eeinfer.files import check_folder

    if path is None:
        return
    if path.suffix not in (".csv", ".json"):
        raise InputError(f"--save {path} ends in neither .csv nor .json; name such a file")
    check_folder(path.parent, "the answers", "choose another place with --save")


def _save(path: Path, answers: list[Answer]) -> None:
    from eeinfer.files import replace_file

    lines: Lines = as_csv if path.suffix == ".csv" else as_json
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, ("\n".join(lines(answers)) + "\n").encode())
    say(f"answers: {path}")
