"""Reads which module imports which, and says where that breaks the ring rule.

A room is a package or module of the tree; a rule says which other rooms it may import. Whoever imports the whole of a
room imports it at any depth, in any function, and for type checking alike: a hidden import is an import.
"""

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement: `importer` needs `target`, a module of the tree or of another package."""

    importer: str
    target: str
    line: int


@dataclass(frozen=True, slots=True)
class Exemption:
    """One module may import one more room than its own room may, because of `reason`."""

    importer: str
    room: str
    reason: str


def read_modules(root: Path, folders: Sequence[str]) -> dict[str, Path]:
    """Every Python module under `folders` of `root`, by dotted name."""
    files = (path for folder in folders for path in sorted((root / folder).rglob("*.py")))
    return {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path for path in files}


def read_imports(modules: Mapping[str, Path]) -> list[Import]:
    """Every import of every module, wherever in the file it stands."""
    found = []
    for name, path in modules.items():
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        for node in ast.walk(ast.parse(path.read_text(), str(path))):
            found += [Import(name, target, node.lineno) for target in _targets(node, package, modules)]
    return found


def find_violations(
    imports: Sequence[Import], rules: Mapping[str, Sequence[str]], exemptions: Sequence[Exemption] = ()
) -> list[str]:
    """Imports that neither a rule nor an exemption allows. Other packages are no room: `find_impurities` judges those.

    A room inside another is a room of its own: the outer one needs a rule to import it. What is in no room at all may
    import nothing: a new room needs a rule first.
    """
    tops = {room.partition(".")[0] for room in rules}
    broken = []
    for found in imports:
        home = room_of(found.importer, rules)
        if home is None:
            broken.append(f"{found.importer}: is in no room; give it a rule")
        elif found.target.partition(".")[0] in tops and not (
            room_of(found.target, rules) == home
            or any(is_within(found.target, room) for room in rules[home])
            or any(_covers(exemption, found) for exemption in exemptions)
        ):
            broken.append(f"{found.importer}:{found.line}: {home} must not import {found.target}")
    return sorted(set(broken))


def find_idle_exemptions(imports: Sequence[Import], exemptions: Sequence[Exemption]) -> list[Exemption]:
    """Exemptions that nothing uses any more: each would let a later violation pass unseen."""
    return [exemption for exemption in exemptions if not any(_covers(exemption, found) for found in imports)]


def find_impurities(imports: Sequence[Import], rooms: Sequence[str], pure: Sequence[str], own: str) -> list[str]:
    """Imports by `rooms` of something from outside the tree (`own`) that is not in `pure`."""
    return [
        f"{found.importer}:{found.line}: pure code must not import {found.target}"
        for found in imports
        if any(is_within(found.importer, room) for room in rooms)
        and not is_within(found.target, own)
        and not any(is_within(found.target, name) for name in pure)
    ]


def find_foreign(imports: Sequence[Import], importers: Sequence[str], allowed: Sequence[str]) -> list[str]:
    """Imports by `importers` of anything but the standard library and `allowed`."""
    return [
        f"{found.importer}:{found.line}: imports {found.target}"
        for found in imports
        if found.importer in importers
        and found.target.partition(".")[0] not in sys.stdlib_module_names
        and not any(is_within(found.target, name) for name in allowed)
    ]


def find_uses(modules: Mapping[str, Path], rooms: Sequence[str], names: Sequence[str]) -> list[str]:
    """Calls of builtins like `open`, and attributes like `np.random`, that reach outside without any import."""
    found = []
    for module, path in modules.items():
        if not any(is_within(module, room) for room in rooms):
            continue
        for node in ast.walk(ast.parse(path.read_text(), str(path))):
            used = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            used = ast.unparse(node) if isinstance(node, ast.Attribute) else used
            if used in names:
                found.append(f"{module}:{node.lineno}: pure code must not use {used}")
    return found


def room_of(module: str, rules: Mapping[str, Sequence[str]]) -> str | None:
    """The innermost room that holds `module`."""
    return max((room for room in rules if is_within(module, room)), key=len, default=None)


def is_within(module: str, room: str) -> bool:
    """Whether `module` is `room` or inside it."""
    return module == room or module.startswith(room + ".")


def _targets(node: ast.AST, package: str, modules: Mapping[str, Path]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        source = ".".join([*above, *([node.module] if node.module else [])])
        for alias in node.names:
            inner = f"{source}.{alias.name}"
            yield inner if inner in modules else source


def _covers(exemption: Exemption, found: Import) -> bool:
    return found.importer == exemption.importer and is_within(found.target, exemption.room)
