"""Pages from the templates beside this module, each one file that needs nothing else: styles and plots are inline."""

from importlib import resources
from typing import Any

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
    return environment.get_template(template).render(style=html(_source("page.css")), **values)


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
