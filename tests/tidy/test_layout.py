"""Folders are the architecture, so each must earn its place, and the domain stays pure."""

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.tidy.files import ROOT, modules, place

SOURCE = ROOT / "src" / "holdfast"


def lonely_packages(root: Path) -> list[Path]:
    """Packages below `root` that hold fewer than two modules or packages of their own."""
    packages = (init.parent for init in root.rglob("*/__init__.py"))
    return sorted(package for package in packages if len(members(package)) < 2)


def members(package: Path) -> list[Path]:
    """The modules and packages directly inside a package, its `__init__` left out."""
    return [
        entry
        for entry in package.iterdir()
        if (entry.suffix == ".py" and entry.name != "__init__.py")
        or (entry / "__init__.py").is_file()
    ]


def top_level_imports(source: str) -> set[str]:
    """The first name of everything that a module imports, wherever the statement stands."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or ".")
    return names


def test_a_planted_folder_of_one_module_is_noticed(tmp_path: Path) -> None:
    for name in ("lonely/__init__.py", "lonely/only.py", "empty/__init__.py"):
        plant(tmp_path / name)
    for name in ("pair/__init__.py", "pair/one.py", "pair/two.py"):
        plant(tmp_path / name)
    assert lonely_packages(tmp_path) == [tmp_path / "empty", tmp_path / "lonely"]


def plant(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.touch()


def test_a_folder_that_would_hold_one_file_is_a_module() -> None:
    packages = (path.parent for path in SOURCE.rglob("*.py") if path.parent != SOURCE)
    without_init = {place(path) for path in packages if not (path / "__init__.py").is_file()}
    assert without_init == set()
    assert [place(path) for path in lonely_packages(SOURCE)] == []


def test_the_domain_imports_the_standard_library_and_itself() -> None:
    allowed = sys.stdlib_module_names
    foreign = {
        f"{place(path)} imports {name}"
        for path in modules("src/holdfast/domain")
        for name in top_level_imports(path.read_text("utf-8"))
        if name.split(".")[0] not in allowed
        and name != "holdfast.domain"
        and not name.startswith("holdfast.domain.")
    }
    assert foreign == set()


def test_the_contract_on_the_domain_forbids_every_runtime_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    declared = {canonical(line.split(">=")[0]) for line in project["project"]["dependencies"]}
    importable = {
        package
        for package, distributions in packages_distributions().items()
        if declared & {canonical(name) for name in distributions} and not package.startswith("_")
    }
    contracts = project["tool"]["importlinter"]["contracts"]
    forbidden = next(c for c in contracts if c["id"] == "pure")["forbidden_modules"]
    assert importable - set(forbidden) == set()


def canonical(distribution: str) -> str:
    return distribution.lower().replace("_", "-").replace(".", "-")
