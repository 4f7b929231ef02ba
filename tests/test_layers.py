"""The layers: who may import whom. Read from the source: an import inside a function or for types counts too."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOPS = ("training", "export", "bench")  # folders at the top that install below eeinfer
MOST_MODULES = 15  # of a folder

# Lowest first. A module imports from its own layer and from those above it in this list.
LAYERS = (
    ("errors", "files", "numbers", "progress"),
    ("bundle", "rule", "machine"),
    ("thresholds",),
    ("arrays", "preprocess", "samples", "labelled"),
    ("backends",),
    ("result", "watching"),
    ("steps",),
    ("answers",),
    ("engine",),
    ("loading",),
    ("golden",),
    ("serving",),
    ("",),  # eeinfer itself: what `import eeinfer` gives
    ("doctor",),
    ("training",),
    ("export",),
    ("bench",),
    ("cli", "__main__"),
)
REGISTRIES = ("backends", "bench.peers.registry")  # tables from a name to a module that is imported when asked for


def module_name(path: Path) -> str:
    """Name below eeinfer; empty for the package itself."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] in TOPS else parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sources() -> dict[str, Path]:
    links = [ROOT / "eeinfer" / name for name in TOPS]
    paths = [path for top in ("eeinfer", *TOPS) for path in (ROOT / top).rglob("*.py")]
    return {module_name(path): path for path in paths if not any(path.is_relative_to(link) for link in links)}


MODULES = sources()


def imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and name below eeinfer of everything of ours that a module names as a module, in strings too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
            yield node.lineno, node.value.partition(":")[0]


def our_imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for line, name in imported(tree):
        if name.startswith("eeinfer."):
            below = name[len("eeinfer.") :]
            known = below if below in MODULES else below.rpartition(".")[0]
            if known in MODULES:
                yield line, known


def layer(module: str) -> int:
    top = module.partition(".")[0]
    return next(height for height, names in enumerate(LAYERS) if top in names)


def all_imports() -> Iterator[tuple[str, int, str]]:
    for module, path in MODULES.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        yield from ((module, line, target) for line, target in our_imports(tree) if target != module)


IMPORTS = list(all_imports())
LAZY_ABOVE = {("loading", "export")}  # the maker of the optimised form, asked by one line where it is installed


def test_nothing_imports_what_stands_above_it() -> None:
    upwards = [
        f"{module}:{line} imports {target}"
        for module, line, target in IMPORTS
        if layer(target) > layer(module) and (module, target.partition(".")[0]) not in LAZY_ABOVE
    ]
    assert not upwards, "\n".join(upwards)


def test_imports_name_their_module_in_full() -> None:
    relative = [
        f"{module}:{node.lineno} {ast.unparse(node)}"
        for module, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level  # the tests here would not see where it leads
    ]
    assert not relative


def test_backends_do_not_import_one_another() -> None:
    def family(module: str) -> str | None:
        parts = module.split(".")
        return parts[1] if len(parts) > 2 and parts[0] == "backends" else None

    crossing = [
        f"{module}:{line} imports {target}"
        for module, line, target in IMPORTS
        if None not in (family(module), family(target)) and family(target) not in (family(module), "cuda")
    ]
    assert not crossing, "\n".join(crossing)


def test_no_two_modules_import_each_other() -> None:
    needs: dict[str, set[str]] = {}
    for module, _, target in IMPORTS:
        if (module, target.partition(".")[0]) in LAZY_ABOVE:
            continue
        needs.setdefault(module, set()).add(target)
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path[path.index(module) :], module))
        if module not in done:
            for target in sorted(needs.get(module, ())):
                visit(target, (*path, module))
            done.add(module)

    for module in sorted(needs):
        if module not in REGISTRIES:  # a table names the modules that import it
            visit(module, ())


@pytest.mark.parametrize("top", ["eeinfer", *TOPS])
def test_folders_stay_small(top: str) -> None:
    folders = Counter(path.parent for path in MODULES.values() if path.relative_to(ROOT).parts[0] == top)
    crowded = {str(folder.relative_to(ROOT)): count for folder, count in folders.items() if count > MOST_MODULES}
    assert not crowded


def test_modules_are_named_in_strings_in_the_registries_alone() -> None:
    calls = []
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func) and node.args:
                literal = isinstance(node.args[0], ast.Constant) and str(node.args[0].value).startswith("eeinfer")
                if literal and module not in REGISTRIES:
                    calls.append(f"{module}:{node.lineno} {ast.unparse(node)}")
    assert not calls
