"""What we depend on: every licence on an allow-list, every locked file pinned by its digest."""

import importlib.metadata
import json
import re
from pathlib import Path

import pytest

from scripts.toolchain import ROOT
from tests.architecture.test_repository import licence_of

ALLOWED = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CNRI-Python", "ISC", "MIT", "MIT-0", "PSF-2.0",
    "TCL", "Unlicense", "Zlib",
}  # fmt: skip
"""SPDX identifiers: licences that ask for their notice and no more."""
SPELLINGS = {
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: BSD License": "BSD-3-Clause",
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: ISC License (ISCL)": "ISC",
    "License :: OSI Approved :: Python Software Foundation License": "PSF-2.0",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "License :: DFSG approved": "",
    "License :: Public Domain": "CC0-1.0",
    "License :: CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "MIT License": "MIT",
    "The MIT License (MIT)": "MIT",
}
"""What packages write in place of identifiers."""
NAMED = {
    "certifi": ("MPL-2.0", "a list of certificates, unaltered; copyleft of that file alone"),
    "hypothesis": ("MPL-2.0", "tests only; not in what we publish"),
    "pathspec": ("MPL-2.0", "builds the wheel; not in it"),
    "psycopg": ("LGPL-3.0-only", "the extra for PostgreSQL; a module that its user can replace, unaltered"),
    "psycopg-binary": ("LGPL-3.0-only", "the same, with PostgreSQL's own library"),
    "tqdm": ("MPL-2.0", "contract tests only, by Brownie; not in what we publish"),
}
"""Distributions with a weak copyleft, one by one, and why that is no matter."""
NODE_NAMED = {"node_modules/memorystream": "MIT, which its package.json says in a field of its own, `licenses`"}
"""Node packages whose licence the lock does not have."""
NODE_COPYLEFT = {
    "axe-core": "MPL-2.0: tests only; not in what we publish",
    "lightningcss": "MPL-2.0: builds style sheets; not in them",
}
"""The beginnings of node packages with a weak copyleft, and why that is no matter."""
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
OWN = {"computehive"}


def name_of(one: importlib.metadata.Distribution) -> str:
    return re.sub(r"[-_.]+", "-", one.metadata["Name"] or "").lower()


def installed(folders: list[str] | None = None) -> list[importlib.metadata.Distribution]:
    found = importlib.metadata.distributions(path=folders) if folders else importlib.metadata.distributions()
    return [one for one in found if name_of(one) not in OWN]


def brownie() -> list[importlib.metadata.Distribution]:
    """Those of the environment for contract tests, where it is set up."""
    folders = [str(path) for path in (ROOT / ".venv-brownie").glob("lib/python3*/site-packages")]
    return installed(folders) if folders else []


def identifiers(licence: str) -> set[str]:
    """The SPDX identifiers in an expression, exceptions left out."""
    parts = [part.strip() for part in re.split(r"(?=License ::)", licence) if part.strip()]
    text = " ".join(SPELLINGS.get(part, part) for part in parts)
    words = re.sub(r"\bWITH [\w.-]+", "", text).replace("(", " ").replace(")", " ").split()
    return {word for word in words if word not in ("AND", "OR")}


def is_allowed(name: str, licence: str) -> bool:
    """Whether every licence named is on the list; of alternatives one is enough."""
    if not identifiers(licence):
        return False
    if name in NAMED:
        return NAMED[name][0] in licence or NAMED[name][0] in identifiers(licence)
    if " AND " not in licence and " OR " in licence:
        return any(identifiers(part) <= ALLOWED for part in licence.split(" OR "))
    return identifiers(licence) <= ALLOWED


@pytest.mark.parametrize("distributions", [installed, brownie])
def test_every_installed_distribution_has_a_licence_that_is_allowed(distributions):
    licences = {name_of(one): licence_of(one) for one in distributions()}
    assert distributions is brownie or len(licences) > 100
    wrong = {name: licence for name, licence in licences.items() if not is_allowed(name, licence)}
    assert wrong == {}


def test_every_weak_copyleft_that_is_named_is_still_used():
    known = {name_of(one) for one in [*installed(), *brownie()]}
    assert (ROOT / ".venv-brownie").exists() is False or NAMED.keys() <= known


@pytest.mark.parametrize(
    ("name", "licence", "allowed"),
    [
        ("any", "MIT", True),
        ("any", "Apache-2.0 WITH LLVM-exception", True),
        ("any", "GPL-3.0-only OR MIT", True),
        ("any", "MIT AND LGPL-3.0-only", False),
        ("any", "AGPL-3.0-or-later", False),
        ("any", "GPL-2.0", False),
        ("any", "MPL-2.0", False),
        ("certifi", "MPL-2.0", True),
        ("certifi", "GPL-3.0-only", False),
        ("any", "", False),
        ("any", "Proprietary", False),
        ("any", "License :: OSI Approved :: GNU Affero General Public License v3", False),
    ],
)
def test_what_is_allowed_is_what_the_list_says(name, licence, allowed):
    assert is_allowed(name, licence) is allowed


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_locked_distribution_is_one_version_pinned_by_digests(lock):
    entries = [entry for entry in re.split(r"\n(?=[\w.\[\]-]+ ?(?:==|@))", "\n" + lock.read_text()) if "==" in entry]
    assert entries
    bad = [entry[:60] for entry in entries if not re.match(r"\n?[\w.\[\]-]+==[\w.!+]+", entry)]
    bad += [entry[:60] for entry in entries if not re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry)]
    assert bad == []
    assert not re.search(r"git\+|https?://", lock.read_text()), "what has no digest, or is not in a registry"


NODE_LOCKS = [
    path
    for path in (
        ROOT / "package-lock.json",
        *(ROOT / f"{each}/package-lock.json" for each in ("scripts/audit", "scripts/clients", "marketplace/web")),
    )
    if path.exists()
]


@pytest.mark.parametrize("lock", NODE_LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_every_node_package_is_pinned_and_its_licence_allowed(lock: Path):
    packages = {name: one for name, one in json.loads(lock.read_text())["packages"].items() if name}
    assert packages
    unpinned = [name for name, one in packages.items() if not one.get("integrity", "").startswith("sha512-")]
    assert [name for name in unpinned if not packages[name].get("inBundle")] == []
    weak = tuple(f"node_modules/{name}" for name in NODE_COPYLEFT)
    wrong = {
        name: one.get("license", "")
        for name, one in packages.items()
        if not is_allowed("", one.get("license", ""))
        and not (name.startswith(weak) and one.get("license") == "MPL-2.0")
    }
    assert wrong.keys() <= NODE_NAMED.keys() and not any(wrong.values())
