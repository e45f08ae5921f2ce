"""The benchmark: every workload on this machine, what is made of its figures, and what of them a profile states."""

import json
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from agent.benchmark import VERSION, gpu, inference, record
from agent.benchmark.record import find_fault, load_benchmark, record_benchmark, scores_of, usable_scores
from agent.benchmark.timing import REPETITIONS, Row, Workload, measure
from agent.benchmark.workloads import WORKLOADS, run_benchmark
from agent.inventory import survey_gpus, take_inventory
from marketplace.errors import AgentError, MalformedMessage
from marketplace.protocol.profile import Benchmark, NodeProfile

BY_NAME = {workload.name: workload for workload in WORKLOADS}
SCORES = set(Benchmark.model_fields) - {"version", "measured_at"}


def workload_of(rates, repetitions=REPETITIONS) -> Workload:
    """One whose repetitions come to `rates`, in this order; the first is the one that warms up."""
    left = iter(rates)

    @contextmanager
    def prepare(folder):
        yield lambda: next(left)

    return Workload("sha256_mb_per_second", "hash", "nothing", "MB/s", prepare, repetitions)


# --- what is made of the figures ---------------------------------------------------------------------------------


def test_median_counts_and_the_first_repetition_does_not(tmp_path):
    row = measure(workload_of([1, 90, 100, 110.9, 500, 80]), tmp_path)
    assert (row.score, row.spread_percent, row.repetitions, row.note) == (100, 420, 5, "")


def test_work_that_the_machine_cannot_do_is_a_row_with_reason_and_remedy(tmp_path):
    @contextmanager
    def prepare(folder):
        raise AgentError("no abacus.", hint="Buy one.")
        yield

    row = measure(Workload("sha256_mb_per_second", "hash", "", "", prepare), tmp_path)
    assert (row.score, row.repetitions) == (None, 0)
    assert row.note == "not measured: no abacus. Buy one."


def test_work_that_memory_does_not_hold_is_a_row_too(tmp_path):
    @contextmanager
    def prepare(folder):
        raise MemoryError
        yield

    row = measure(Workload("sha256_mb_per_second", "hash", "", "", prepare), tmp_path)
    assert (row.score, row.note) == (None, "not measured: too little memory is free.")


def test_every_score_of_the_profile_has_one_workload_and_every_workload_a_score():
    assert sorted(workload.field for workload in WORKLOADS) == sorted(SCORES)


def test_workloads_are_run_in_order_and_announced(tmp_path):
    heard = []
    rows = run_benchmark([workload_of([1, 5], 1), workload_of([1, 7], 1)], tmp_path, heard.append)
    assert [row.score for row in rows] == [5, 7] and heard == ["hash", "hash"]


# --- the workloads, on this machine ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(BY_NAME.keys() - {"GPU matrices", "inference"}))
def test_workload_measures_this_machine_and_leaves_nothing(name, tmp_path):
    chosen = BY_NAME[name]
    row = measure(Workload(chosen.field, name, chosen.work, chosen.unit, chosen.prepare, repetitions=1), tmp_path)
    assert row.note == "" and row.score > 0
    assert list(tmp_path.iterdir()) == []


def test_inference_runs_the_model_of_the_extra(tmp_path):
    pytest.importorskip("magika", reason="the extra computehive[benchmark] is not installed")
    with inference.inference(tmp_path) as repeat:
        assert repeat() > 0


def test_another_model_is_refused_because_its_score_would_not_compare(tmp_path, monkeypatch):
    model = tmp_path / "magika" / "models" / "standard_v3_3" / "model.onnx"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"another")
    found = SimpleNamespace(origin=str(tmp_path / "magika" / "__init__.py"))
    monkeypatch.setattr(inference.importlib.util, "find_spec", lambda name: found)
    with pytest.raises(AgentError, match="another model"):
        inference.find_model()


def test_model_that_is_not_installed_is_named_with_the_way_to_get_it(monkeypatch):
    monkeypatch.setattr(inference.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(AgentError) as refused:
        inference.find_model()
    assert "magika" in refused.value.message and "computehive[benchmark]" in refused.value.hint


@pytest.mark.parametrize("name", ["disk write", "disk read"])
def test_folder_that_cannot_be_written_is_named_by_the_disks_rows(name, tmp_path):
    (tmp_path / "file").touch()
    row = measure(BY_NAME[name], tmp_path / "file")
    assert row.score is None and f"{tmp_path / 'file'} cannot be written" in row.note and "64 MB" in row.note


# --- GPU ---------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(bool(survey_gpus().gpus), reason="this machine has a GPU")
def test_machine_without_a_gpu_says_so(tmp_path):
    row = measure(BY_NAME["GPU matrices"], tmp_path)
    assert row.score is None and row.note.startswith(f"not measured: {survey_gpus().note}")


def test_gpu_without_a_library_says_which_would_do():
    def load(name):
        if name == "torch":
            raise ImportError
        return SimpleNamespace()  # a cupy that does not work

    with pytest.raises(AgentError) as refused:
        gpu.find_library(load)
    assert "torch is not installed, cupy cannot use the GPU" in refused.value.message
    assert "PyTorch or CuPy" in refused.value.hint


def test_products_are_counted_and_waited_for(monkeypatch):
    monkeypatch.setattr(gpu, "MATRIX", 8)
    device = SimpleNamespace(synchronize=lambda: done.append("wait"))
    numbers = SimpleNamespace(random=np.random, float32=np.float32, cuda=SimpleNamespace(Device=lambda: device))
    numbers.matmul = lambda left, right: done.append((left @ right).dtype)
    done = []
    multiply, wait = gpu.find_library({"cupy": numbers}.get)
    done.clear()
    assert gpu.repeated(multiply, wait, products=2)() > 0
    assert done == [np.float32, np.float32, "wait"]


# --- what is kept, and what of it is stated -----------------------------------------------------------------------

ROWS = [
    Row("sandbox_mfuel_per_second", "sandbox", "loop", "Mfuel/s", 19_000, 4, 5),
    Row("gpu_gflops_per_second", "GPU matrices", "products", "Gflop/s", None, None, 0, "not measured: no GPU."),
]


def test_result_is_kept_with_its_rows_and_read_back(tmp_path):
    path = record_benchmark(tmp_path / "agent", ROWS, 1_800_000_000)
    kept = load_benchmark(tmp_path / "agent")
    assert kept.scores == scores_of(ROWS, 1_800_000_000) == usable_scores(tmp_path / "agent")
    assert find_fault(kept) == ""
    assert [row["field"] for row in json.loads(path.read_text())["rows"]] == [
        "sandboxMfuelPerSecond", "gpuGflopsPerSecond",
    ]  # fmt: skip
    assert list(path.parent.iterdir()) == [path]


def test_folder_in_which_nothing_can_be_kept_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(AgentError, match="could not be kept") as refused:
        record_benchmark(tmp_path / "file", ROWS, 0)
    assert "COMPUTEHIVE_AGENT_DATA" in refused.value.hint


def test_nothing_measured_is_nothing_stated(tmp_path):
    assert load_benchmark(tmp_path) is None and usable_scores(tmp_path) is None
    assert "not measured yet" in find_fault(None)


def test_result_of_another_version_or_machine_is_not_stated(tmp_path, monkeypatch):
    record_benchmark(tmp_path, ROWS, 0)
    monkeypatch.setattr(record, "VERSION", VERSION + 1)
    assert usable_scores(tmp_path) is None and f"version {VERSION} " in find_fault(load_benchmark(tmp_path))
    monkeypatch.undo()
    monkeypatch.setattr(record, "machine_digest", lambda: "0x" + "11" * 32)
    assert usable_scores(tmp_path) is None and "another machine" in find_fault(load_benchmark(tmp_path))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"machine": "0x", "scores": {"version": 0, "measuredAt": 1}}'])
def test_file_that_is_no_result_is_refused_by_name_and_keeps_no_provider_from_starting(tmp_path, text):
    (tmp_path / record.FILE_NAME).write_text(text)
    with pytest.raises(AgentError, match=record.FILE_NAME) as refused:
        load_benchmark(tmp_path)
    assert "hive provider benchmark" in refused.value.hint
    assert usable_scores(tmp_path) is None


def test_profile_states_the_kept_scores_and_keeps_its_digest_from_start_to_start(tmp_path):
    before = take_inventory("eu", data_folder=tmp_path)
    record_benchmark(tmp_path, ROWS, 1_800_000_000)
    first, second = (
        take_inventory("eu", data_folder=tmp_path, benchmark=usable_scores(tmp_path)) for _ in range(2)
    )  # fmt: skip
    assert first.digest() == second.digest() != before.digest()
    assert first.to_json()["benchmark"] == {
        "version": VERSION, "measuredAt": 1_800_000_000, "sandboxMfuelPerSecond": 19_000,
    }  # fmt: skip
    assert NodeProfile.parse(first.to_json()) == first


def test_profile_without_a_benchmark_has_the_digest_that_it_had_before_there_were_any():
    document = {"region": "eu", "cpu": {"architecture": "x86_64", "cores": 4}, "memoryMb": 16_000, "diskMb": 64_000}
    profile = NodeProfile.parse(document)
    assert "benchmark" not in profile.to_json()
    assert profile.digest().startswith("0x1fab85b059d0300f505935755f14a474")


@pytest.mark.parametrize(
    ("benchmark", "field"),
    [({"version": 1}, "measuredAt"), ({"version": 1, "measuredAt": 1, "sha256MbPerSecond": -1}, "sha256MbPerSecond"),
     ({"version": 1, "measuredAt": 1, "sha256MbPerSecond": 2.5}, "sha256MbPerSecond"),
     ({"version": 1, "measuredAt": 1, "speed": 9}, "speed")],
)  # fmt: skip
def test_scores_that_are_none_are_refused_by_field(benchmark, field):
    document = {"region": "eu", "cpu": {"architecture": "x86_64", "cores": 4}, "memoryMb": 1, "diskMb": 1}
    with pytest.raises(MalformedMessage, match=rf"NodeProfile\.benchmark\.{field}"):
        NodeProfile.parse(document | {"benchmark": benchmark})
