"""``eeinfer train``."""

import inspect
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eeinfer.cli.app import Debug, command, say
from eeinfer.cli.progress import shown_progress
from eeinfer.cli.training import settings
from eeinfer.cli.training.config_file import as_toml, is_config_file, read_config
from eeinfer.cli.training.naming import run_name
from eeinfer.cli.training.next_step import next_export
from eeinfer.cli.training.sources import data_settings

if TYPE_CHECKING:
    from eeinfer.training import TrainConfig

_PHASES = ("phase1", "phase2", "phase3")


@command(example="eeinfer train digits --epochs 2 --out runs/short")
def train(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE|FILE.toml",
            help="Where to start from: a recipe (--list), or settings as --show prints them.",
        ),
    ] = "digits",
    data: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FOLDER|FILE.csv|FILE.py:NAME", help="Data set, such as cifar10, or images of your own."
        ),
    ] = None,
    root: Annotated[Path | None, typer.Option(help="Folder that holds the data set's files.")] = None,
    max_images: Annotated[
        int | None, typer.Option(help="At most this many training images, drawn by the seed, classes in proportion.")
    ] = None,
    regime: Annotated[str | None, typer.Option(help="disjoint, joint, mixed, or phases such as +++.")] = None,
    backbone: Annotated[
        str | None, typer.Option(help="Such as resnet56, timm:NAME or FILE.py:NAME of your own.")
    ] = None,
    method: Annotated[str | None, typer.Option(help="Such as ztw or gpf, or FILE.py:NAME of your own.")] = None,
    exits: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Shares of the FLOPs, slot numbers or module names.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="At most this many in each phase.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of weights, split, order and augmentation.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.")] = None,
    precision: Annotated[str | None, typer.Option(help="32-true, bf16-mixed or 16-mixed.")] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any other setting, such as phase1.lr=0.05.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run. Without it: runs/RECIPE, or runs/DATA-BACKBONE.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume/--fresh", help="Go on with the run in the folder, or start over.")
    ] = True,
    untrained: Annotated[
        bool, typer.Option("--untrained", help="Write the network as initialised: to measure its speed, not to use it.")
    ] = False,
    show: Annotated[
        bool, typer.Option("--show", help="Print all settings as TOML (with --json: JSON) and stop.")
    ] = False,
    list_recipes: Annotated[bool, typer.Option("--list", help="List the recipes and stop.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="With --list or --show: as JSON.")] = False,
    debug: Debug = False,
) -> None:
    """Train a network with exits: a recipe, changed by options.

    What no option names stays as the recipe has it. The path of the checkpoint is printed on stdout.
    """
    from eeinfer.training.config import config_to_dict
    from eeinfer.training.parts.kept import own_files

    if list_recipes:
        typer.echo(_listing(json_output))
        return
    start, from_file = read_config(Path(recipe)) if is_config_file(recipe) else (recipe, [])
    wanted = regime or dict(from_file).get("regime")
    config = settings.configured(
        start,
        wanted,
        [
            *from_file,
            *data_settings(data, root).items(),
            *_given(("regime", regime), ("seed", seed)),
            *_given(("data.max_images", max_images)),
            # A builder's options and exits mean nothing to another backbone: only what is given here applies to it.
            *_given(("backbone.name", backbone), ("backbone.options", None if backbone is None else {})),
            *_given(("method.name", method), ("method.options", None if method is None else {})),
            *_given(("device", device), ("precision", precision)),
            *_given(("exits", None if exits is None else settings.exit_positions(exits))),
            *((f"{phase}.epochs", epochs) for phase in _PHASES if epochs is not None),
            *map(settings.assignment, changes or ()),
        ],
    )
    if show:
        typer.echo(json.dumps(config_to_dict(config), indent=2) if json_output else as_toml(config))
        return
    name = Path(recipe).stem if is_config_file(recipe) else run_name(config, recipe)
    folder = out or Path("runs") / (f"{name}-untrained" if untrained else name)
    path = _untrained(config, folder) if untrained else _trained(config, folder, resume=resume)
    say(next_export(path, config.data.root, own_files(config)))
    typer.echo(path)


def _untrained(config: "TrainConfig", folder: Path) -> Path:
    from eeinfer.training.runs.untrained import save_untrained

    return save_untrained(config, folder)


def _trained(config: "TrainConfig", folder: Path, *, resume: bool) -> Path:
    """Train and say how well every exit answers."""
    from eeinfer.training import train as run
    from eeinfer.training.runs.checkpoint import read_checkpoint

    with shown_progress() as progress:
        path = run(config, folder, resume=resume, progress=progress)
    measured = " ".join(f"{accuracy:.2%}" for accuracy in read_checkpoint(path)["provenance"]["test_accuracy"])
    say(f"test accuracy at each exit: {measured}")
    return path


def _given(*pairs: tuple[str, object]) -> list[settings.Setting]:
    return [(name, value) for name, value in pairs if value is not None]


def _listing(as_json: bool) -> str:
    from eeinfer.training import RECIPES

    recipes = {name: inspect.getdoc(make) or "" for name, make in RECIPES.items()}
    if as_json:
        return json.dumps(recipes, indent=2)
    width = max(map(len, recipes)) + 2
    return "\n".join(
        f"{name:<{width}}{text.partition('.')[0].removeprefix('Return ')}" for name, text in recipes.items()
    )
