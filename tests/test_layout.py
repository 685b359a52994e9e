"""Who may import whom (read from the syntax trees), and that an installation holds every file of the three packages."""

from __future__ import annotations

import ast
import importlib.metadata
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PACKAGES = ("device_models", "firmware_py", "host_tools")
DATA = ("device_models/presets/*.json", "device_models/presets/macros/*.json", "device_models/cost/*.json",
        "device_models/schema/*.json", "firmware_py/core/*", "firmware_py/micropython/package.json", "*/py.typed")
# What each package may import besides the standard library and itself.
MAY_IMPORT = {
    "device_models": {"numpy", "scipy", "pydantic", "pydantic_core"},
    "firmware_py": {"numpy", "cffi"},
}
# Inside functions. device_models: to read tables, target expressions and mappings (tomllib: Python 3.11 and later).
# firmware_py: for the ideal reference and for images, whichever is installed, or none.
ONLY_INSIDE_FUNCTIONS = {
    "device_models": {"pandas", "lark", "tomllib"},
    "firmware_py": {"ai_edge_litert", "tflite_runtime", "tensorflow", "PIL"},
}
MICROPYTHON = "firmware_py/micropython"  # another interpreter's: tests/firmware_py/micropython says what it may import


def sources(root: Path, package: str) -> list[Path]:
    """Return the Python files of `package`."""
    return sorted((root / package).rglob("*.py"))


def at_import_time(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that run when the module is imported: no bodies of functions, nothing for type checkers."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        yield node
        yield from at_import_time(node)


def imports(path: Path, nodes: Callable[[ast.AST], Iterator[ast.AST]] = ast.walk) -> set[str]:
    """Return the top-level names of the modules that the file `path` imports, import_module("name") included."""
    found = set()
    for node in nodes(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            found |= {str(name.value) for name in node.args[:1] if isinstance(name, ast.Constant)}
    return {name.split(".")[0] for name in found}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_lower_packages_import_only_what_they_may(repo_root: Path, package: str) -> None:
    """In particular neither of the other two packages."""
    allowed = MAY_IMPORT[package] | set(sys.stdlib_module_names) | {package}
    files = [path for path in sources(repo_root, package) if MICROPYTHON not in path.as_posix()]
    assert files
    for path in files:
        assert imports(path, at_import_time) <= allowed, path
        assert imports(path) <= allowed | ONLY_INSIDE_FUNCTIONS[package], path


def test_tables_are_read_in_one_place(repo_root: Path) -> None:
    """The rest of device_models needs neither pandas nor lark."""
    readers = {path.parent.name for path in sources(repo_root, "device_models") if imports(path) & {"pandas", "lark"}}
    assert readers == {"measured"}


def loaded_by(code: str) -> set[str]:
    """Return the names of all modules that are loaded after `code` in a fresh interpreter."""
    code = f"{code}\nimport sys; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())


def test_importing_the_board_package_loads_nothing_heavy() -> None:
    heavy = {"tensorflow", "keras", "scipy", "pydantic", "matplotlib", "safetensors", "host_tools", "device_models"}
    assert not loaded_by("import firmware_py, firmware_py.cli") & heavy


def test_the_help_of_no_command_loads_tensorflow() -> None:
    """Every command's module is imported when its --help is asked for, and that answers in under half a second."""
    cli = pytest.importorskip("host_tools.cli", reason="click is not installed: a board")
    for module, _ in cli.COMMANDS.values():
        assert not loaded_by(f"import {module}") & {"tensorflow", "keras", "scipy", "sklearn", "matplotlib"}, module


def test_the_installation_is_complete(repo_root: Path) -> None:
    """Every module and data file of the checkout is in the installed distribution."""
    try:
        installed = {str(file) for file in importlib.metadata.files("rram-edge") or ()}
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("rram-edge is not installed here, the checkout is used as it lies")
    if "firmware_py/__init__.py" not in installed:
        pytest.skip("an editable installation: the files are those of the checkout")
    here = {path for package in PACKAGES for path in sources(repo_root, package)}
    here |= {path for pattern in DATA for path in repo_root.glob(pattern) if path.is_file()}
    missing = {path.relative_to(repo_root).as_posix() for path in here} - installed
    assert not missing
