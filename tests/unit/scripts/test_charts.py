"""The market on Kubernetes: the chart, and the Kustomize base that is its rendering: hardened, probed, known settings.

What needs Helm's library or Kubernetes' schemas (`make charts`), or kubectl, says that it is skipped without.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys

import jsonschema
import pytest
import yaml

from marketplace.bootstrap import describe_interface
from marketplace.domain.roles import parse_roles
from marketplace.settings import MarketSettings
from scripts.operations.charts import BASE, CHART, FOLDER, ChartError, find_faults, load_tool
from scripts.toolchain import ROOT

OVERLAY = BASE.parents[1] / "production"
DOCUMENTS = list(yaml.safe_load_all(BASE.read_text()))
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
SETTINGS = {f"COMPUTEHIVE_MARKET_{name.upper()}" for name in MarketSettings.model_fields}
SINGLE = {"mode": "single"}
EVERYTHING = {
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "proxies": "10.0.0.0/8",
        "annotations": {"example/buffering": "off"},
    },
    "metrics": {"serviceMonitor": True},
    "networkPolicy": {"apiFrom": [{"podSelector": {}}]},
    "image": {"digest": "sha256:" + "ab" * 32, "pullSecrets": ["registry"]},
    "chain": {"publicRpcUrl": "https://chain.example"},
    "settings": {"ROUND_SECONDS": "1.0"},
    "storage": {"className": "nfs"},
    "nats": {"existingSecret": "nats"},
    "readReplicas": {"existingSecret": "replicas"},
    "bucket": {"url": "s3://bucket/market", "region": "eu", "endpoint": "https://s3.example", "existingSecret": "keys"},
    "workers": [
        {"name": "chain", "roles": "follower,outbox", "replicas": 2},
        {"name": "rest", "roles": "clearing,seals,settlement,refunds,claims", "replicas": 1},
    ],
}


def has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None or (FOLDER / module).is_dir()


needs_helm = pytest.mark.skipif(not has("helm_python"), reason="Helm's library is not installed (make charts)")
needs_schemas = pytest.mark.skipif(not has("kubernetes_validate"), reason="no schemas of Kubernetes (make charts)")
needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")


def ask_chart(tmp_path, values: dict, *options: str) -> subprocess.CompletedProcess[str]:
    """The command as it is typed. A process of its own: the library brings a runtime that handles signals itself."""
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))
    command = [sys.executable, "-m", "scripts.operations.charts", "--values", str(tmp_path / "values.yaml"), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False, env=os.environ)


def rendered(tmp_path, values: dict) -> list[dict]:
    ran = ask_chart(tmp_path, values)
    assert ran.returncode == 0, ran.stderr
    return list(yaml.safe_load_all(ran.stdout))


def of_kind(documents: list[dict], *kinds: str) -> list[dict]:
    return [document for document in documents if document["kind"] in kinds]


def pods(documents: list[dict]) -> list[dict]:
    return [each["spec"]["template"]["spec"] for each in of_kind(documents, "Deployment", "StatefulSet")]


def assert_hardened(pod: dict) -> None:
    assert pod["automountServiceAccountToken"] is False
    held = pod["securityContext"]
    assert held["runAsNonRoot"] is True and held["runAsUser"] == 10001
    assert held["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not container["image"].endswith(":latest") and re.search(r"[:@]", container["image"])
    assert {"memory"} <= container["resources"]["limits"].keys() & container["resources"]["requests"].keys()
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()


# --- the base, as it is committed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("pod", pods(DOCUMENTS), ids=lambda pod: pod["containers"][0]["args"][-1])
def test_every_pod_of_the_base_is_hardened_and_bounded(pod):
    assert_hardened(pod)


@pytest.mark.parametrize("pod", pods(DOCUMENTS), ids=lambda pod: pod["containers"][0]["args"][-1])
def test_no_service_of_the_cluster_becomes_a_setting(pod):
    """Kubernetes gives pods COMPUTEHIVE_MARKET_PORT=tcp://… for a service of the chart's own name."""
    assert "COMPUTEHIVE_MARKET_PORT" in SETTINGS
    assert pod["enableServiceLinks"] is False


@pytest.mark.parametrize("pod", pods(DOCUMENTS), ids=lambda pod: pod["containers"][0]["args"][-1])
def test_every_variable_is_a_setting_and_none_holds_a_secret(pod):
    given = {each["name"]: each["value"] for each in pod["containers"][0]["env"]}
    assert given.keys() <= SETTINGS
    assert not {"COMPUTEHIVE_MARKET_PASSWORD", "COMPUTEHIVE_MARKET_DATABASE_URL"} & given.keys()
    paths = [value for name, value in given.items() if name.endswith(("_FILE", "_KEYSTORE"))]
    assert len(paths) == 3 and all(path.startswith("/etc/computehive/secrets/") for path in paths)
    assert of_kind(DOCUMENTS, "Secret") == []


def test_probes_ask_for_paths_that_there_are():
    known = set(describe_interface()["paths"]) | {"/metrics"}
    for pod in pods(DOCUMENTS):
        (container,) = pod["containers"]
        asked = {each: container[each]["httpGet"]["path"] for each in container if each.endswith("Probe")}
        assert {"startupProbe", "livenessProbe"} <= asked.keys() and set(asked.values()) <= known


def test_only_who_is_ready_is_sent_requests_and_the_old_one_ends_after_the_new_one_is():
    (api,) = (each for each in of_kind(DOCUMENTS, "Deployment") if each["metadata"]["name"].endswith("-api"))
    (container,) = api["spec"]["template"]["spec"]["containers"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/api/v1/health/ready"
    assert api["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_every_selector_finds_the_pods_that_it_is_meant_for():
    labels = [each["spec"]["template"]["metadata"]["labels"] for each in of_kind(DOCUMENTS, "Deployment")]
    for document in of_kind(DOCUMENTS, "Service", "PodDisruptionBudget", "NetworkPolicy", "Deployment"):
        spec = document["spec"]
        selector = spec.get("podSelector", spec.get("selector"))
        wanted = selector.get("matchLabels", selector).items()
        assert [one for one in labels if wanted <= one.items()], document["metadata"]["name"]


def test_every_role_of_a_market_is_some_processes():
    held = [parse_roles(pod["containers"][0]["args"][-1]) for pod in pods(DOCUMENTS)]
    assert set().union(*held) == set(parse_roles("all"))


def test_metrics_are_for_the_monitoring_alone():
    (policy,) = of_kind(DOCUMENTS, "NetworkPolicy")
    rules = {rule["ports"][0]["port"]: rule for rule in policy["spec"]["ingress"]}
    assert "from" not in rules["http"] and rules["metrics"]["from"]
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]


# --- values -----------------------------------------------------------------------------------------------------------


def test_the_values_schema_takes_the_charts_own_values():
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(VALUES, SCHEMA)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("mode", "both"),
        ("image.tag", "latest"),
        ("image.digest", "sha256:short"),
        ("secret", ""),
        ("chain.rpcUrl", "chain:8545"),
        ("settings", {"PASSWORD": "secret"}),
        ("settings", {"DATABASE_URL": "postgresql://"}),
        ("settings", {"READ_DATABASE_URL": "postgresql://"}),
        ("settings", {"NATS_URL": "nats://"}),
        ("nats", {"existingSecret": "nats", "url": "nats://"}),
        ("nats.existingSecret", "No Name"),
        ("bucket.url", "https://bucket"),
        ("bucket.endpoint", "https://user:password@s3.example"),
        ("settings", {"round_seconds": "1"}),
        ("settings", {"ROUND_SECONDS": 1}),
        ("api.replicas", 0),
        ("workers", []),
        ("workers", [{"name": "w", "roles": "Clearing", "replicas": 1}]),
        ("workers", [{"name": "w", "roles": "follower,", "replicas": 1}]),
        ("storage.size", "50"),
        ("service.port", 70000),
        ("ingres", {}),
    ],
)
def test_a_value_that_would_not_work_is_refused(path, value):
    values = json.loads(json.dumps(VALUES))
    *folders, last = path.split(".")
    place = values
    for folder in folders:
        place = place[folder]
    place[last] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values, SCHEMA)


# --- with Helm --------------------------------------------------------------------------------------------------------


@needs_helm
def test_the_base_is_what_the_chart_renders(tmp_path):
    documents = rendered(tmp_path, {})
    for document in documents:
        if document["metadata"].get("annotations", {}).pop("helm.sh/resource-policy", None):
            del document["metadata"]["annotations"]
    assert documents == DOCUMENTS, "run `make manifests` and commit what it writes"


@needs_helm
@needs_schemas
@pytest.mark.parametrize("values", [{}, SINGLE, EVERYTHING], ids=["several", "single", "everything"])
def test_helm_and_the_schemas_of_kubernetes_have_nothing_against_the_chart(tmp_path, values):
    ran = ask_chart(tmp_path, values, "--check")
    assert (ran.returncode, ran.stdout) == (0, "nothing is wrong with it\n"), ran.stderr


@needs_helm
def test_a_single_process_has_every_role_sqlite_and_a_volume_of_its_own(tmp_path):
    documents = rendered(tmp_path, SINGLE)
    (one,) = of_kind(documents, "StatefulSet")
    assert of_kind(documents, "Deployment", "PersistentVolumeClaim") == []
    assert one["spec"]["replicas"] == 1
    assert one["spec"]["volumeClaimTemplates"][0]["spec"]["accessModes"] == ["ReadWriteOnce"]
    (container,) = one["spec"]["template"]["spec"]["containers"]
    assert container["args"][-1] == "all"
    assert "COMPUTEHIVE_MARKET_DATABASE_URL_FILE" not in {each["name"] for each in container["env"]}
    assert_hardened(one["spec"]["template"]["spec"])


@needs_helm
def test_everything_that_is_optional_is_there_when_it_is_asked_for(tmp_path):
    documents = rendered(tmp_path, EVERYTHING)
    roles = {pod["containers"][0]["args"][-1] for pod in pods(documents)}
    assert roles == {"api", *(each["roles"] for each in EVERYTHING["workers"])}
    assert {pod["containers"][0]["image"] for pod in pods(documents)} == {
        f"computehive-market@{EVERYTHING['image']['digest']}"
    }
    (ingress,), (monitor,) = of_kind(documents, "Ingress"), of_kind(documents, "ServiceMonitor")
    services = {each["metadata"]["name"]: each for each in of_kind(documents, "Service")}
    assert ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] in services
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    assert [name for name, one in services.items() if wanted <= one["metadata"]["labels"].items()] == [
        "computehive-market-metrics"
    ]
    for pod in pods(documents):
        assert_hardened(pod)
        assert {"name": "COMPUTEHIVE_MARKET_ROUND_SECONDS", "value": "1.0"} in pod["containers"][0]["env"]
        assert {"name": "COMPUTEHIVE_MARKET_PROXIES", "value": "10.0.0.0/8"} in pod["containers"][0]["env"]


@needs_helm
def test_helm_refuses_values_against_the_schema_and_says_which(tmp_path):
    ran = ask_chart(tmp_path, {"image": {"tag": "latest"}})
    assert ran.returncode == 1 and "/image/tag" in ran.stderr


# --- with other tools -------------------------------------------------------------------------------------------------


@needs_schemas
def test_an_unknown_field_of_a_manifest_is_a_fault():
    wrong = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"selektor": {}}}
    (fault,) = find_faults(yaml.safe_dump(wrong))
    assert fault.startswith("Service s: spec") and "selektor" in fault
    assert "has no such thing" in find_faults(yaml.safe_dump({**wrong, "kind": "Servise"}))[0]


@needs_kubectl
def test_the_overlay_changes_image_chain_and_namespace_and_nothing_that_protects(tmp_path):
    ran = subprocess.run(
        ["kubectl", "kustomize", str(OVERLAY)], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    documents = list(yaml.safe_load_all(ran.stdout))
    assert {each["metadata"]["namespace"] for each in documents if each["kind"] != "Namespace"} == {"computehive"}
    for pod in pods(documents):
        assert_hardened(pod)
        (container,) = pod["containers"]
        assert container["image"] == "registry.example/computehive-market:0.1.0"
        assert {"name": "COMPUTEHIVE_MARKET_RPC_URL", "value": "https://chain.example"} in container["env"]
        assert {each["name"] for each in container["env"]} <= SETTINGS
    if has("kubernetes_validate"):
        assert find_faults(ran.stdout) == []


def test_a_tool_that_is_missing_is_named_with_what_installs_it():
    with pytest.raises(ChartError, match=r"no_such_tool is not installed: run `make charts`"):
        load_tool("no_such_tool")
