"""Which tests load a model, start the program or open a browser, read from the source of their files.

A file is marked by what it imports, before it is imported: the quick tests must not load PyTorch, not even while pytest
collects them. A test that needs a model although its file imports none of these sets its mark itself.
"""

import ast
from functools import cache
from pathlib import Path
from typing import Final

HEAVY: Final = frozenset({"model", "server", "browser"})
LONG: Final = "long"
MARK_OF_FOLDER: Final = {"browser": "browser", "parity": "model"}
MARK_OF_MODULE: Final = {
    "benchmarks": "model",
    "funasr": "model",
    "onnxruntime": "model",
    "tests.support.checkpoints": "model",
    "tests.support.parity_pairs": "model",
    "tests.support.training_corpus": "model",
    "tests.support.transformers_checkpoints": "model",
    "torch": "model",
    "training": "model",
    "transformers": "model",
    "webui.engine.builtin": "model",
    "benchmarks.attacks": "server",
    "tests.support.cli_process": "server",
    "tests.support.closed_network": "server",
    "tests.support.server_process": "server",
    "tests.support.page_user": "browser",
}


@cache
def marks_of(file: Path) -> frozenset[str]:
    """Returns the marks of every test in a file: by its folder, by its imports and by its own ``pytestmark``."""
    tree = ast.parse(file.read_text("utf-8"))
    folders = {MARK_OF_FOLDER[part] for part in file.parent.parts if part in MARK_OF_FOLDER}
    imports = {
        MARK_OF_MODULE[name] for module in _imports(tree) for name in _prefixes(module) if name in MARK_OF_MODULE
    }
    return frozenset(folders | imports | (_own_marks(tree) & HEAVY))


def _imports(tree: ast.Module) -> set[str]:
    """Returns the modules that the file imports anywhere, in the form ``package.module``."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def _prefixes(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _own_marks(tree: ast.Module) -> set[str]:
    """Returns the names in ``pytestmark = ...`` at the top level of the file."""
    assigned = [node.value for node in tree.body if isinstance(node, ast.Assign) and _is_pytestmark(node)]
    return {node.attr for value in assigned for node in ast.walk(value) if isinstance(node, ast.Attribute)}


def _is_pytestmark(node: ast.Assign) -> bool:
    return any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets)
