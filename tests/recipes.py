"""Files of the recipes under ``scripts/recipes/``, as modules."""

from __future__ import annotations

import importlib.util
from types import ModuleType

from conftest import PROJECT

RECIPES = PROJECT / "scripts" / "recipes"


def recipe_file(recipe: str, name: str = "recipe") -> ModuleType:
    """A file under a name of its own, since recipes have files of the same names."""
    spec = importlib.util.spec_from_file_location(f"{recipe}_{name}", RECIPES / recipe / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
