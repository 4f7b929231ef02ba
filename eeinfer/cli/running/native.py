"""``eeinfer native``: the compiled library."""

import json
from pathlib import Path
from typing import Annotated

import typer

from eeinfer.cli.app import Debug, Json, app, say
from eeinfer.cli.failure import guarded

native = typer.Typer(
    no_args_is_help=True,
    help='The compiled library, which `device="cpu"` takes where it is there, and which C++ programs use.',
    epilog="\b\nExample:\n  eeinfer native build",
)
app.add_typer(native, name="native", rich_help_panel=None)


@native.command(epilog="\b\nExample:\n  eeinfer native build")
@guarded
def build(
    headers: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where the headers of ONNX Runtime and nlohmann-json are, if CMake does not find them.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Build also where it is there.")] = False,
    json_output: Json = False,
    debug: Debug = False,
) -> None:
    """Compile the library into the cache of this machine; its path is printed on stdout.

    Needs CMake, a C++17 compiler, and the headers of ONNX Runtime 1.21 or newer and of nlohmann-json: on Debian and
    Ubuntu the packages cmake, g++, libonnxruntime-dev and nlohmann-json3-dev, or unpacked releases.
    """
    from eeinfer.backends.native.build import build as make
    from eeinfer.backends.native.library import load
    from eeinfer.cli.progress import tell

    path = make(headers=headers, again=force, progress=tell)
    load(path)
    if json_output:
        typer.echo(json.dumps({"path": str(path), "bytes": path.stat().st_size}, indent=2))
        return
    say(f"{path.stat().st_size / 1e6:.1f} MB; eeinfer.load takes it from now on")
    typer.echo(path)
