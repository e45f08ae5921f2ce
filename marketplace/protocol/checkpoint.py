"""What an agent says of a job that is not at its end: the state it has saved, by digest. Never goes on chain."""

from marketplace.errors import InvalidManifest
from marketplace.protocol.eip712 import Bytes32, TypedMessage, Uint64
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.manifest import OUTPUT_PREFIX, Manifest


class Checkpoint(TypedMessage):
    """The agent's word for the files that a running job has in its checkpoint directory."""

    lease_id: Bytes32
    job_digest: Bytes32
    root: Bytes32
    """Of a manifest like a result's: every file below `out/<directory>/`."""
    taken_at: Uint64
    """Unix seconds, by the agent's clock; a later one replaces an earlier one."""


def require_inside(manifest: Manifest, directory: str) -> None:
    """Raises InvalidManifest for a checkpoint with files elsewhere than in its directory, or with none."""
    prefix = f"{OUTPUT_PREFIX}{directory}/"
    outside = [entry.path for entry in manifest.entries if not entry.path.startswith(prefix)]
    if outside or not manifest.entries:
        raise InvalidManifest(f"A checkpoint has files below {prefix!r} and no others; found {outside[:1] or 'none'}.")


def resume_from(spec: JobSpec, manifest: Manifest) -> JobSpec:
    """The job that goes on from a checkpoint: the same, with the saved files among its inputs.

    They take the place of whatever inputs the job had in that directory. Raises InvalidJobSpec where they do not fit
    among the others, InvalidManifest.
    """
    assert spec.checkpoint is not None, "only a job with checkpoints has one"
    directory = spec.checkpoint.directory
    require_inside(manifest, directory)
    saved = [
        {"path": entry.path.removeprefix(OUTPUT_PREFIX), "digest": entry.digest, "size": entry.size}
        for entry in manifest.entries
    ]
    document = spec.to_json()
    kept = [entry for entry in document["inputs"] if not entry["path"].startswith(f"{directory}/")]
    return JobSpec.parse(document | {"inputs": [*kept, *saved]})
