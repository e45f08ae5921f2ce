"""A Ray cluster for tests: `python -m tests.integration.clusters.holder FOLDER`. Ends with its standard input.

One machine with two cores on the loopback device, without a dashboard; it tells nobody that it is there.
"""

import sys

import ray

OBJECT_STORE_BYTES, MEMORY_BYTES = 100_000_000, 1_000_000_000


def main() -> None:
    """Start it, say where it is, wait for the end."""
    ray.init(
        num_cpus=2, num_gpus=1, object_store_memory=OBJECT_STORE_BYTES, include_dashboard=False, log_to_driver=False,
        logging_level="ERROR", _memory=MEMORY_BYTES, _temp_dir=sys.argv[1], _node_ip_address="127.0.0.1",
    )  # fmt: skip
    print(ray.get_runtime_context().gcs_address, flush=True)
    sys.stdin.read()
    ray.shutdown()


if __name__ == "__main__":
    main()
