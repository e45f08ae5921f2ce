"""Secrets beside the market's own on Kubernetes: who reads them finds them, by the chart and by the components."""

import re
import shutil
import subprocess

import pytest
import yaml

from scripts.operations.charts import BASE
from tests.unit.scripts.test_charts import (
    EVERYTHING,
    SETTINGS,
    assert_hardened,
    needs_helm,
    needs_kubectl,
    pods,
    rendered,
)

COMPONENTS = BASE.parents[1] / "components"
NAMES = ("nats", "replicas", "bucket")
FILES = {
    "COMPUTEHIVE_MARKET_NATS_URL_FILE": "/etc/computehive/nats/nats-url",
    "COMPUTEHIVE_MARKET_READ_DATABASE_URL_FILE": "/etc/computehive/replicas/read-database-url",
}
KEYS = {"AWS_ACCESS_KEY_ID": "access-key-id", "AWS_SECRET_ACCESS_KEY": "secret-access-key"}


def assert_secrets_are_found(pod: dict, secrets: dict[str, str]) -> None:
    """Every file lies in a secret's volume that is mounted; every key is a secret's, and stands nowhere else."""
    (container,) = pod["containers"]
    env = {each["name"]: each for each in container["env"]}
    mounts = {each["mountPath"]: each for each in container["volumeMounts"]}
    volumes = {each["name"]: each for each in pod["volumes"]}
    for name, path in FILES.items():
        assert env[name]["value"] == path
        mount = mounts[path.rpartition("/")[0]]
        assert mount["readOnly"] is True
        volume = volumes[mount["name"]]["secret"]
        assert (volume["secretName"], volume["defaultMode"]) == (secrets[mount["name"]], 0o440)
    for name, key in KEYS.items():
        assert env[name]["valueFrom"] == {"secretKeyRef": {"name": secrets["bucket"], "key": key}}
        assert "value" not in env[name]
    assert {name for name in env if not name.startswith("AWS_")} <= SETTINGS


@needs_helm
def test_the_chart_gives_every_process_the_secrets_that_values_name(tmp_path):
    secrets = {"nats": "nats", "replicas": "replicas", "bucket": "keys"}
    documents = rendered(tmp_path, EVERYTHING)
    assert pods(documents)
    for pod in pods(documents):
        assert_secrets_are_found(pod, secrets)
        env = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
        assert env["COMPUTEHIVE_MARKET_BLOBS_URL"] == "s3://bucket/market"
        assert (env["AWS_REGION"], env["AWS_ENDPOINT_URL"]) == ("eu", "https://s3.example")


@needs_helm
def test_a_bucket_without_a_secret_is_opened_by_the_machines_role(tmp_path):
    for pod in pods(rendered(tmp_path, {"bucket": {"url": "s3://bucket"}})):
        names = {each["name"] for each in pod["containers"][0]["env"]}
        assert "COMPUTEHIVE_MARKET_BLOBS_URL" in names and not names & KEYS.keys()


@pytest.mark.parametrize("name", NAMES)
def test_each_component_patches_every_process_and_has_no_secret_in_it(name):
    kustomization = yaml.safe_load((COMPONENTS / name / "kustomization.yaml").read_text())
    assert kustomization["kind"] == "Component"
    assert kustomization["patches"] == [{"path": f"{name}.yaml", "target": {"kind": "Deployment"}}]
    patch = yaml.safe_load((COMPONENTS / name / f"{name}.yaml").read_text())
    for each in patch["spec"]["template"]["spec"]["containers"][0]["env"]:
        assert each["name"] in SETTINGS or each["name"].startswith("AWS_")
        assert each.get("value", "") == FILES.get(each["name"], each.get("value", ""))


@needs_kubectl
def test_an_overlay_with_all_components_gives_every_process_their_secrets(tmp_path):
    """In a copy of the folder, as Kustomize reads nothing outside of its root."""
    shutil.copytree(BASE.parents[1], tmp_path / "kustomize")
    overlay = tmp_path / "kustomize" / "production" / "kustomization.yaml"
    shown = overlay.read_text()
    overlay.write_text(re.sub(r"(?m)^# (components:|  - )", r"\1", shown))
    command = ["kubectl", "kustomize", str(overlay.parent)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    found = pods(list(yaml.safe_load_all(ran.stdout)))
    assert len(found) == 2
    for pod in found:
        assert_secrets_are_found(pod, {name: f"computehive-{name}" for name in NAMES})
        assert_hardened(pod)
