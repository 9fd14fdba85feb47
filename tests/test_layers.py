"""Modules import only from lower layers; docs/ARCHITECTURE.md describes the layers."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = {
    0: ("arrays", "errors", "files", "labels", "privacy", "progress", "results", "settings", "texts", "units"),
    1: ("audio", "engine", "storage"),
    2: ("service",),
    3: ("http", "library"),
    4: ("ui", "api"),
    5: ("server",),
    6: ("cli",),
}
LAYER_OF = {name: layer for layer, names in LAYERS.items() for name in names}
SOURCES = sorted((ROOT / "webui").rglob("*.py"))


def imported_modules(source: Path) -> list[str]:
    tree = ast.parse(source.read_text(encoding="utf-8"))
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source} line {node.lineno}: relative import; write the whole module name"
            found += [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
    return found


def part_of(module: str) -> str | None:
    pieces = module.split(".")
    return pieces[1] if pieces[0] == "webui" and len(pieces) > 1 else None


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_are_from_lower_layers(source: Path) -> None:
    relative = source.relative_to(ROOT / "webui")
    own = relative.parts[0].removesuffix(".py")
    if own == "__init__":
        return
    assert own in LAYER_OF, f"{relative}: which layer is it in? Add it to LAYERS."
    for module in imported_modules(source):
        part = part_of(module)
        if part is None or part not in LAYER_OF or part == own:
            continue
        same_vocabulary = LAYER_OF[part] == LAYER_OF[own] == 0
        assert LAYER_OF[part] < LAYER_OF[own] or same_vocabulary, f"{relative} imports {module}"


def test_only_the_page_and_the_server_import_gradio() -> None:
    allowed = {"ui", "server"}
    for source in SOURCES:
        if source.relative_to(ROOT / "webui").parts[0] in allowed:
            continue
        assert not any(module.split(".")[0] == "gradio" for module in imported_modules(source)), source


def test_the_program_imports_neither_training_nor_benchmarks() -> None:
    for source in SOURCES:
        roots = {module.split(".")[0] for module in imported_modules(source)}
        assert not roots & {"training", "benchmarks", "tests"}, source
