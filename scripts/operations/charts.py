"""Renders the market's chart, with Helm's own library: what `helm template` prints, where there is no `helm`.

    python -m scripts.operations.charts                   # manifests on standard output
    python -m scripts.operations.charts --values my.yaml --name market
    python -m scripts.operations.charts --check           # Helm's lint, and each manifest against Kubernetes' schema
    python -m scripts.operations.charts --write           # the Kustomize base anew: what `make manifests` runs

Needs `make charts` first, which installs that library and the schemas into build/charts. The Kustomize base is the
chart's own rendering, so the two cannot differ.
"""

import argparse
import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from scripts.toolchain import BUILD, ROOT

FOLDER = BUILD / "charts"
CHART = ROOT / "scripts" / "operations" / "helm"
BASE = ROOT / "scripts" / "operations" / "kustomize" / "base" / "market.yaml"
NAME = "computehive-market"
KUBERNETES = "1.37"
"""Whose schemas manifests are held against."""
FOREIGN = ("monitoring.coreos.com/v1",)
"""Kinds of the Prometheus operator."""
_HEAD = "# Made by `make manifests` from scripts/operations/helm with its default values: change the chart, not this.\n"
_HELMS_OWN = "helm.sh/resource-policy"


class ChartError(Exception):
    """The library is missing, or the chart, or its values, are refused; the message says why."""


def load_tool(name: str) -> Any:
    """A module from where `make charts` puts it, or from this environment. Raises ChartError."""
    if FOLDER.is_dir() and str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ChartError(f"{name} is not installed: run `make charts`.") from error


def find_faults(manifests: str) -> list[str]:
    """What Kubernetes would have against YAML documents, unknown fields among it. Raises ChartError.

    Kinds that are not Kubernetes' own, such as ServiceMonitor, have no schema there and are left out.
    """
    schemas = load_tool("kubernetes_validate")
    faults = []
    for document in filter(None, yaml.safe_load_all(manifests)):
        try:
            schemas.validate(document, KUBERNETES, strict=True)
        except schemas.ValidationError as error:
            place = ".".join(map(str, error.path))
            faults.append(f"{document['kind']} {document['metadata']['name']}: {place}: {error.message}")
        except schemas.SchemaNotFoundError:
            if document["apiVersion"] not in FOREIGN:
                faults.append(f"{document['apiVersion']} {document['kind']}: Kubernetes {KUBERNETES} has no such thing")
    return faults


def lint(chart: Path = CHART) -> list[str]:
    """What Helm has against a chart. Raises ChartError without the library."""
    return list(load_tool("helm_python").lint(str(chart))["errors"])


def render(values: Mapping[str, Any], name: str = NAME, chart: Path = CHART) -> str:
    """The manifests of a chart with these values before its defaults, as YAML documents. Raises ChartError."""
    helm = load_tool("helm_python")
    try:
        with helm.Chart.load(str(chart)) as loaded:
            rendered = loaded.render(dict(values), name=name, namespace="default")
    except helm.HelmError as error:
        raise ChartError(str(error)) from error
    return "\n---\n".join(text.strip() for _, text in sorted(rendered.items()) if text.strip()) + "\n"


def render_base() -> str:
    """The Kustomize base: the default rendering, without what only Helm reads. Raises ChartError."""
    documents = list(yaml.safe_load_all(render({})))
    for document in documents:
        annotations = document["metadata"].get("annotations", {})
        annotations.pop(_HELMS_OWN, None)
        if not annotations:
            document["metadata"].pop("annotations", None)
    return _HEAD + yaml.safe_dump_all(documents, sort_keys=False, width=120)


def main(arguments: list[str]) -> int:
    """Print, check or write; exit status 1 where the chart or its values are refused."""
    parser = argparse.ArgumentParser(prog="python -m scripts.operations.charts")
    parser.add_argument("--values", type=Path, help="a YAML file, before the chart's own values")
    parser.add_argument("--name", default=NAME, help="the release's name")
    parser.add_argument("--write", action="store_true", help="write the Kustomize base instead")
    parser.add_argument("--check", action="store_true", help="print what Helm or Kubernetes has against it instead")
    given = parser.parse_args(arguments)
    try:
        values = (yaml.safe_load(given.values.read_text()) or {}) if given.values else {}
        if given.check:
            faults = [*lint(), *find_faults(render(values, given.name))]
            print("\n".join(faults) or "nothing is wrong with it")
            return 1 if faults else 0
        if given.write:
            BASE.write_text(render_base())
            print(BASE.relative_to(ROOT))
        else:
            print(render(values, given.name), end="")
    except (ChartError, OSError, yaml.YAMLError) as error:
        print(f"charts: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
