import builtins
from typing import Any

import pytest

from eeinfer.bench import Report
from eeinfer.bench.reporting.page import html_page
from eeinfer.errors import DependencyError


def test_without_the_library_of_templates_the_extra_is_named(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name in ("jinja2", "markupsafe"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DependencyError, match=r"pip install 'eeinfer\[bench\]'"):
        html_page(report)
