"""From files to a job specification and a bid."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from marketplace.client.jobs import (
    DEFAULT_RESOURCES,
    build_bid,
    build_cancel,
    prepare_job,
    runtimes_of,
    upload_job,
)
from marketplace.client.salts import Salts
from marketplace.errors import InputError, InvalidJobSpec
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import CancelKind, Settlement, Verification
from marketplace.protocol.images import parse_image
from marketplace.protocol.jobspec import ContainerProgram, ModuleProgram, RuntimeProgram

RUNTIMES = {"python": "0x" + "aa" * 32, "javascript": "0x" + "bb" * 32}
ALICE = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
BOB = "0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF"


@pytest.fixture
def write(tmp_path):
    def make(name: str, data: bytes = b"data"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    return make


def paths(job):
    return [entry.path for entry in job.spec.inputs]


@pytest.mark.parametrize(("name", "runtime"), [("a.py", "python"), ("a.js", "javascript"), ("A.PY", "python")])
def test_the_suffix_chooses_the_runtime_and_the_script_is_an_input(write, name, runtime):
    job = prepare_job(write(name, b"1"), runtimes=RUNTIMES)
    assert job.spec.program == RuntimeProgram(name=runtime, digest=RUNTIMES[runtime], script=name)
    assert paths(job) == [name]


def test_a_module_is_a_blob_of_its_own(write):
    code = b"\0asm\x01\0\0\0"
    job = prepare_job(write("a.wasm", code), [write("x.bin")], runtimes={})
    assert job.spec.program == ModuleProgram(digest=sha256_digest(code), size=8)
    assert set(job.blobs) == set(job.spec.blob_digests())


def test_an_image_is_a_job_for_containers_without_fuel_which_its_renter_accepts_or_replicas_vote_on(write):
    job = prepare_job(write("a.tar", b"image"), [write("x.bin")], runtimes={}, args=["--fast"])
    assert job.spec.program == ContainerProgram(digest=sha256_digest(b"image"), size=5)
    assert (job.spec.sandbox, set(job.blobs)) == ("docker", set(job.spec.blob_digests()))
    one = build_bid(job, renter=ALICE, market=BOB, resources=DEFAULT_RESOURCES, max_price=9, salt=1)
    assert (one.fuel, one.verification) == (0, Verification.ACCEPT)
    many = build_bid(job, renter=ALICE, market=BOB, resources=DEFAULT_RESOURCES, max_price=9, salt=1, replicas=3)
    assert (many.fuel, many.verification) == (0, Verification.REPLICATE)


def test_an_image_in_a_registry_is_a_job_for_containers_of_which_nothing_is_read_or_sent_but_its_inputs(write):
    reference = f"registry.example.org/team/tool@sha256:{'ab' * 32}"
    job = prepare_job(Path(reference), [write("x.bin")], runtimes={}, args=["--fast"])
    assert job.spec.program == parse_image(reference)
    assert (job.spec.sandbox, paths(job), set(job.blobs)) == ("docker", ["x.bin"], set(job.spec.blob_digests()))
    bid = build_bid(job, renter=ALICE, market=BOB, resources=DEFAULT_RESOURCES, max_price=9, salt=1)
    assert (bid.fuel, bid.verification) == (0, Verification.ACCEPT)


@pytest.mark.parametrize("name", ["registry.example.org/tool", "registry.example.org/tool:latest"])
def test_an_image_without_its_digest_is_refused_with_how_to_name_it(name):
    with pytest.raises(InputError, match=r"HOST.*@sha256:DIGEST"):
        prepare_job(Path(name), runtimes={})


def test_script_is_run_again_whatever_its_replicas_unless_its_renter_wants_it_otherwise(write):
    job = prepare_job(write("s.py"), runtimes=RUNTIMES)
    given = {"renter": ALICE, "market": BOB, "resources": DEFAULT_RESOURCES, "max_price": 9, "salt": 1, "replicas": 3}
    assert build_bid(job, **given).verification == Verification.REEXECUTE
    assert build_bid(job, **given).fuel == DEFAULT_RESOURCES.fuel
    assert build_bid(job, **given, verification=Verification.REPLICATE).verification == Verification.REPLICATE


def test_folders_go_in_whole_under_their_name_in_a_stable_order(write):
    folder = write("set/b/two.csv").parent.parent
    write("set/a.csv")
    job = prepare_job(write("s.py"), [folder], runtimes=RUNTIMES)
    assert paths(job) == ["s.py", "set/a.csv", "set/b/two.csv"]


def test_the_same_files_make_the_same_job(write):
    script, data = write("s.py"), write("d.csv")
    first, second = (prepare_job(script, [data], runtimes=RUNTIMES, args=["-x"]) for _ in range(2))
    assert first.spec.digest() == second.spec.digest()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda w: (w("notes.txt"), []), "not a program"),
        (lambda w: (w("a.wasm", b"ELF"), []), "not a WebAssembly module"),
        (lambda w: (w("a.py"), [w("x/d.csv"), w("y/d.csv")]), "Two inputs are called 'd.csv'"),
        (lambda w: (w("a.py"), [w("x/d.csv").parent / "none.csv"]), "cannot be read"),
        (lambda w: (w("a.py").parent / "gone.py", []), "cannot be read"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_is_sent(write, make, message):
    program, inputs = make(write)
    with pytest.raises(InputError, match=message):
        prepare_job(program, inputs, runtimes=RUNTIMES)


def test_an_empty_folder_is_refused(write, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="has no files"):
        prepare_job(write("a.py"), [tmp_path / "empty"], runtimes=RUNTIMES)


def test_a_runtime_that_the_market_lacks_is_named(write):
    with pytest.raises(InputError, match="javascript runtime"):
        prepare_job(write("a.js"), runtimes={"python": RUNTIMES["python"]})


def test_a_specification_that_the_protocol_refuses_is_said_so(write):
    with pytest.raises(InvalidJobSpec, match="env"):
        prepare_job(write("a.py"), runtimes=RUNTIMES, env={"1X": "y"})


def test_only_what_the_market_lacks_is_uploaded(write):
    job = prepare_job(write("a.py", b"code"), [write("d.csv", b"rows")], runtimes=RUNTIMES)

    class Market:
        def __init__(self):
            self.stored = {sha256_digest(b"rows"): b"rows"}

        def has_blob(self, digest):
            return digest in self.stored

        def put_blob(self, data, digest):
            self.stored[digest] = data

    market = Market()
    assert upload_job(market, job) == len(b"code")
    assert market.stored == dict(job.blobs)


def test_a_bid_caps_each_replica_and_leaves_time_to_verify(write):
    job = prepare_job(write("a.py"), runtimes=RUNTIMES)
    bid = build_bid(
        job,
        renter=ALICE,
        market=ALICE,
        resources=DEFAULT_RESOURCES,
        max_price=77,
        salt=9,
        replicas=3,
        now=1_000,
        valid_seconds=60,
    )
    assert (bid.max_price, bid.replicas, bid.valid_until) == (77, 3, 1_060)
    assert bid.deadline >= bid.valid_until + DEFAULT_RESOURCES.seconds + 600
    assert bid.job_digest == job.spec.digest()
    assert bid.resources == DEFAULT_RESOURCES
    assert (bid.salt, bid.settlement) == (9, Settlement.ESCROWED)
    cancel = build_cancel(bid)
    assert (cancel.signer, cancel.kind, cancel.salt) == (ALICE, CancelKind.BID, 9)


def test_salts_go_on_from_what_is_known_and_count_on_by_themselves():
    known = {ALICE: 5, BOB: 0}
    salts = Salts(known.get)
    assert [salts.take(ALICE) for _ in range(3)] == [5, 6, 7]
    assert salts.take(BOB) == 0
    known[ALICE] = 100
    assert [salts.take(ALICE) for _ in range(2)] == [100, 101]
    known[ALICE] = 3
    assert salts.take(ALICE) == 102


def test_no_salt_is_taken_twice_by_threads():
    salts = Salts(lambda renter: 0)
    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(lambda _: salts.take(ALICE), range(200))) == list(range(200))


def test_runtimes_are_read_from_the_configuration_in_each_of_its_forms():
    digest = RUNTIMES["python"]
    assert runtimes_of({"runtimes": {"python": digest}}) == {"python": digest}
    assert runtimes_of({"runtimes": {"python": {"digest": digest}}}) == {"python": digest}
    assert runtimes_of({"runtimes": [{"name": "python", "digest": digest}]}) == {"python": digest}
    assert runtimes_of({}) == {}
