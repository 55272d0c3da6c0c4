"""House rules that a machine can hold."""

from __future__ import annotations

import ast
import inspect
from dataclasses import fields, is_dataclass
from enum import EnumType
from pathlib import Path

import pytest

import croupier as cr
import croupier.errors
import croupier.recipes
import croupier.schedules
import croupier.torch

SOURCE = Path(cr.__file__).parent
MODULES = sorted(path for path in SOURCE.rglob("*.py") if path.name != "__init__.py")
PUBLIC = [
    (f"{module.__name__}.{name}", getattr(module, name))
    for module in (cr, croupier.torch, croupier.recipes, croupier.schedules, croupier.errors)
    for name in module.__all__
]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_files_are_short_and_have_a_test_file(path: Path):
    assert len(path.read_text().splitlines()) <= 300
    tests = {found.name for found in Path(__file__).parent.rglob("test_*.py")}
    assert f"test_{path.stem}.py" in tests or path.name == "__main__.py"


@pytest.mark.parametrize("module", [cr, croupier.torch, croupier.recipes, croupier.schedules, croupier.errors])
def test_public_names_are_sorted(module):
    assert sorted(module.__all__) == list(module.__all__)


@pytest.mark.parametrize(("name", "value"), PUBLIC, ids=lambda value: value if isinstance(value, str) else "")
def test_public_names_are_documented_and_take_at_most_six_arguments(name, value):
    assert inspect.getdoc(value)
    try:
        arguments = inspect.signature(value).parameters.values()
    except ValueError:  # enums and built-in constructors
        return
    if isinstance(value, EnumType):
        return
    counted = [a for a in arguments if a.kind not in (a.VAR_KEYWORD, a.VAR_POSITIONAL)]
    if inspect.isclass(value) and is_dataclass(value):
        assert value.__dataclass_params__.frozen
        assert len(fields(value)) <= 6 or value in (cr.Preview, cr.Cursor, cr.Context)
    elif name not in ("croupier.errors.BadArgument",):
        assert len(counted) <= 6


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_global_random_state_and_no_late_own_imports(path: Path):
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for inner in ast.walk(node):
                if isinstance(inner, ast.ImportFrom):
                    assert not (inner.module or "").startswith("croupier"), f"late import in {node.name}"
        if isinstance(node, ast.Attribute) and node.attr == "random":
            assert path.name in ("training.py", "corpus.py"), "randomness comes from keys"
