"""Pages from the templates beside this module, each one file that needs nothing else: all of it is inline."""

from importlib import resources
from types import SimpleNamespace
from typing import Any

from eeinfer.bench.reporting.drawings import Plot, as_json
from eeinfer.bench.reporting.words import meaning
from eeinfer.bundle.labels import printable
from eeinfer.errors import DependencyError

_INSTALL = "pages are made with Jinja2: pip install 'eeinfer[bench]'"


def page(template: str, **values: Any) -> str:
    """Fill a template; ``values`` are text, unless they say with ``__html__`` that they are HTML.

    Raises:
        DependencyError: Jinja2 is missing.
    """
    try:
        from jinja2 import Environment, FunctionLoader, StrictUndefined
    except ImportError as error:
        raise DependencyError(_INSTALL) from error

    environment = Environment(
        loader=FunctionLoader(_source),
        autoescape=True,
        finalize=_harmless,
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    return environment.get_template(template).render(
        style=html(_source("page.css")),
        script=html(_source("sorting.js") + _source("page.js")),
        meaning=meaning,
        **values,
    )


def drawn(plot: Plot, still: str) -> SimpleNamespace:
    """Return a plot for the template: as data, as it stands where no script runs, and its legend."""
    legend = [(one.mark if plot.kind == "xy" else "s", _colour(one.colour), one.name) for one in plot.series]
    return SimpleNamespace(spec=as_json(plot), still=html(still), legend=legend)


def _colour(name: str) -> str:
    return name if name.startswith("#") else f"var(--{name})"


def html(text: str) -> Any:  # a Markup, whose package is not always installed
    """Mark ``text`` as HTML of our own; raises as `page` does."""
    try:
        from markupsafe import Markup
    except ImportError as error:
        raise DependencyError(_INSTALL) from error
    return Markup(text)


def _harmless(value: Any) -> Any:
    """Names in a bundle are others' words, and a page may be read in a terminal."""
    return printable(value) if type(value) is str else value


def _source(name: str) -> str:
    return resources.files("eeinfer.bench.reporting").joinpath(name).read_text(encoding="utf-8")
