"""The typer application, how a command joins it, and the options that several commands share."""

import os
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from eeinfer.bundle.labels import printable
from eeinfer.cli.failure import DEBUG_VARIABLE, Body, fail, guarded
from eeinfer.cli.words import advice, no_number
from eeinfer.machine.versions import version_of

# Plain help, because markup would swallow the brackets of 'eeinfer[train]' and boxes do not survive a pipe.
app = typer.Typer(
    name="eeinfer",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\nExample:\n  eeinfer bench --thresholds 100",
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of a failure.")]


class Command(TyperCommand):
    """A command that looks at its words before their meaning, and says itself what is no number."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the options, unless a space has divided a word."""
        wrong = advice(args)
        if wrong is not None:
            fail(wrong)
        given = list(args)  # click takes words out of its list as it reads them
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            number = self.callback and error.param and no_number(self.callback, error.param.name or "", given)
            if not number:
                raise
            fail(number)


def command(example: str) -> Callable[[Body], Body]:
    """Register the decorated function under its own name; ``example`` ends its help and has to run."""
    return lambda body: app.command(cls=Command, epilog=f"\b\nExample:\n  {example}")(guarded(body))


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version_of("eeinfer"))
        raise typer.Exit


def _print_cmake_folder(wanted: bool) -> None:
    if wanted:
        from eeinfer.backends.native.library import cmake_folder

        typer.echo(cmake_folder())
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
    cmake_folder: Annotated[
        bool,
        typer.Option(
            "--cmake-dir",
            help="Print the folder that a CMake project adds for the C++ library.",
            callback=_print_cmake_folder,
            is_eager=True,
        ),
    ] = False,
    debug: Debug = False,
) -> None:
    """Early-exit classifiers from training to deployment: train, cut into one engine per exit, run, measure."""
    if debug:
        os.environ[DEBUG_VARIABLE] = "1"


def say(text: str) -> None:
    """Print a line or several for people: on stderr, so that stdout holds nothing but data."""
    typer.echo(_shown(text), err=True)


def show(text: str) -> None:
    """Print a line or several of a listing on stdout."""
    typer.echo(_shown(text))


def _shown(text: str) -> str:
    """Names in a bundle are others' words: what a terminal would obey is written out."""
    return "\n".join(map(printable, text.split("\n")))
