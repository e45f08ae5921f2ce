"""A backup is whole and of one moment; a market that goes on from it knows the chain first, and sends nothing twice."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from marketplace.adapters.backup import Backup, Identity, put_in_place, take_backup, unpack_backup
from marketplace.domain.outbox import OutboxKind, OutboxState
from marketplace.errors import CancelledOrder, ConflictError, InputError, NotFound, ServiceUnavailable
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import CancelKind, Outcome
from marketplace.protocol.messages import Cancel
from marketplace.services.cancel_order import cancel_order
from marketplace.services.catch_up import catch_up
from marketplace.services.clear_round import run_round
from marketplace.services.outbox import process_outbox
from marketplace.services.settle_batch import propose_batches
from marketplace.services.verify_ledger import verify_ledger
from marketplace.settings import MarketSettings
from marketplace.stores import require_same_place
from tests.fakes.databases import only_sqlite
from tests.fakes.world import DOMAIN, OPERATOR, ORACLES, RENTER, SCRIPT

pytestmark = only_sqlite

OURS = Identity(DOMAIN.chain_id, DOMAIN.escrow, OPERATOR.address)
NOW = 1_800_000_000


@pytest.fixture
def backup(world, tmp_path_factory):
    """Where one goes."""
    return tmp_path_factory.mktemp("backups") / "today"


def take(world, backup: Path) -> Backup:
    return take_backup(world.folder, backup, OURS, NOW)


def restore(world, backup: Path, folder: Path) -> None:
    """The world's market becomes the one of the backup; chain and people stay as they are."""
    unpack_backup(backup, folder / "restoring", OURS)
    put_in_place(folder / "restoring", folder)
    world.folder = folder
    world.market = world.restarted()


def items(world):
    with world.market.store.read() as tx:
        return [tx.outbox.get(number) for number in range(1, 20) if tx.outbox.get(number)]


# ------------------------------------------------------------------------------------------------- what is in a backup


def test_a_backup_beside_an_open_write_has_what_was_committed_and_holds_nobody_up(world, backup):
    kept = world.submit()
    with world.market.store.write() as tx:
        tx.bids.set_state(kept, tx.bids.get(kept).state.CANCELLED, "not committed yet")
        take(world, backup)
    with closing(sqlite3.connect(backup / "market.db")) as database:
        assert database.execute("SELECT bid_hash, state FROM bids").fetchall() == [(kept, "live")]
    assert sorted(path.name for path in backup.iterdir()) == ["blobs", "manifest.json", "market.db"]


def test_the_manifest_says_whose_backup_it_is_how_far_it_goes_and_what_hashes_to_what(world, backup):
    world.open_lease()
    take(world, backup)
    found = Backup.load(backup)
    assert (found.identity, found.taken_at) == (OURS, NOW)
    assert found.followed == world.chain.head()
    assert found.database_digest == sha256_digest((backup / "market.db").read_bytes())
    assert found.blobs == {sha256_digest(SCRIPT): len(SCRIPT)}


def test_an_upload_under_way_is_in_no_backup(world, backup):
    world.submit()
    data = b"half of it"
    with world.market.blobs.receive(sha256_digest(data)) as upload:
        upload.write(data)
        assert list(take(world, backup).blobs) == [sha256_digest(SCRIPT)]
    assert [path.read_bytes() for path in backup.glob("blobs/*/*")] == [SCRIPT]


def test_a_backup_that_fails_leaves_nothing_and_one_is_never_written_over(world, backup, tmp_path_factory):
    with pytest.raises(NotFound, match="market's database"):
        take_backup(tmp_path_factory.mktemp("empty"), backup, OURS, NOW)
    assert list(backup.parent.iterdir()) == []
    take(world, backup)
    with pytest.raises(ConflictError, match="exists already"):
        take(world, backup)


def test_a_disk_that_does_not_take_a_backup_is_said_to(world, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ServiceUnavailable, match="cannot be written"):
        take(world, tmp_path / "file" / "today")


def test_a_damaged_database_is_not_backed_up(world, backup):
    world.submit()
    with closing(sqlite3.connect(world.folder / "market.db")) as database, database:
        database.execute("INSERT INTO batch_signatures VALUES ('0x12', '0x34', '0x56')")
    with pytest.raises(InputError, match="batch_signatures"):
        take(world, backup)


def test_who_had_a_role_is_left_behind(world, backup):
    assert world.market.store.take_duty("outbox")
    take(world, backup)
    with closing(sqlite3.connect(backup / "market.db")) as database:
        assert database.execute("SELECT count(*) FROM duties").fetchone() == (0,)


# --------------------------------------------------------------------------------------------------- what is refused


def test_a_byte_that_changed_is_found_in_database_and_blobs(world, backup, tmp_path):
    world.submit()
    take(world, backup)
    for name in ("market.db", *(str(path.relative_to(backup)) for path in backup.glob("blobs/*/*"))):
        whole = (backup / name).read_bytes()
        (backup / name).unlink()  # a blob is the market's own file: only this name of it is to change
        (backup / name).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(InputError, match="hashes to"):
            unpack_backup(backup, tmp_path / "staged", OURS)
        (backup / name).write_bytes(whole)
    unpack_backup(backup, tmp_path / "staged", OURS)


def test_a_missing_blob_is_named(world, backup, tmp_path):
    world.submit()
    take(world, backup)
    (blob,) = backup.glob("blobs/*/*")
    blob.unlink()
    with pytest.raises(InputError, match=blob.name):
        unpack_backup(backup, tmp_path / "staged", OURS)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 2}', '{"format": 1, "followed": null}'])
def test_what_is_no_manifest_is_refused(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(InputError, match="backup"):
        Backup.load(tmp_path)


def test_a_manifest_leads_to_no_other_place(world, backup, tmp_path):
    world.submit()
    take(world, backup)
    document = json.loads((backup / "manifest.json").read_text())
    document["blobs"] = {"0x../../../" + "a" * 55: 1}
    (backup / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match="backup"):
        unpack_backup(backup, tmp_path / "staged", OURS)


@pytest.mark.parametrize("field, value", [("chain_id", 1), ("escrow", "0x" + "11" * 20), ("market", RENTER.address)])
def test_another_markets_backup_is_refused(world, backup, tmp_path, field, value):
    take(world, backup)
    theirs = Identity(**{"chain_id": OURS.chain_id, "escrow": OURS.escrow, "market": OURS.market, field: value})
    with pytest.raises(ConflictError, match="not of"):
        unpack_backup(backup, tmp_path / "staged", theirs)


# ----------------------------------------------------------------------------------- going on from it, and only once


def owe_open(world) -> OutboxKind:
    world.offer()
    world.submit()
    run_round(world.market)
    return OutboxKind.OPEN


def owe_cancel(world) -> OutboxKind:
    bid = world.bid()
    world.submit(bid)
    cancel = Cancel(signer=RENTER.address, kind=CancelKind.BID, salt=bid.salt)
    cancel_order(world.market, cancel, cancel.sign(DOMAIN, RENTER.key))
    return OutboxKind.CANCEL


def owe_settlement(world) -> OutboxKind:
    lease_id = world.open_lease()
    world.attest(lease_id)
    world.judge(lease_id, ORACLES[:2], outcome=int(Outcome.PAID))
    propose_batches(world.market)
    world.sign_batches()
    return OutboxKind.SETTLE


@pytest.mark.parametrize("owe", [owe_open, owe_cancel, owe_settlement])
@pytest.mark.parametrize("steps", [0, 1, 2], ids=["intent", "signed", "sent"])
def test_what_was_sent_after_the_backup_is_not_sent_again(world, backup, tmp_path_factory, owe, steps):
    kind = owe(world)
    for _ in range(steps):
        process_outbox(world.market)
    take(world, backup)
    world.drain()
    leases, broadcasts = len(world.chain.state.leases), len(world.chain._all)
    restore(world, backup, tmp_path_factory.mktemp("new"))
    catch_up(world.market, wait=0)
    world.drain()
    assert len(world.chain._all) == broadcasts and len(world.chain.state.leases) == leases
    (item,) = (item for item in items(world) if item.kind is kind)
    assert item.state in (OutboxState.DONE, OutboxState.FAILED)
    assert verify_ledger(world.market).is_equal


def test_without_catching_up_the_intent_would_be_signed_again(world, backup, tmp_path_factory):
    """Why nothing is sent before: the outbox cannot know, and a second cancellation is no error to the contract."""
    owe_cancel(world)
    take(world, backup)
    world.drain()
    sent = len(world.chain._all)
    restore(world, backup, tmp_path_factory.mktemp("new"))
    while process_outbox(world.market):
        pass
    assert len(world.chain._all) == sent + 1


def test_a_transaction_that_only_the_node_knows_is_waited_for(world, backup, tmp_path_factory):
    owe_open(world)
    take(world, backup)
    world.chain.mining = False
    process_outbox(world.market)
    process_outbox(world.market)
    (waiting,) = world.market.sender.waiting_nonces()
    restore(world, backup, tmp_path_factory.mktemp("new"))
    slept: list[float] = []
    with pytest.raises(ConflictError, match=f"nonces {waiting}") as caught:
        catch_up(world.market, wait=2, sleep=slept.append)
    assert sum(slept) == 2 and caught.value.values["nonces"] == [waiting]
    catch_up(world.market, wait=2, sleep=lambda _: world.chain.mine())
    world.chain.mining = True
    world.drain()
    assert len(world.chain.state.leases) == 1 and len(world.chain._all) == 1


def test_a_transaction_that_the_backup_has_itself_holds_nothing_up(world, backup, tmp_path_factory):
    owe_open(world)
    world.chain.mining = False
    process_outbox(world.market)
    process_outbox(world.market)
    take(world, backup)
    restore(world, backup, tmp_path_factory.mktemp("new"))
    catch_up(world.market, wait=0)
    world.chain.mining = True
    world.chain.mine()
    world.drain()
    assert len(world.chain.state.leases) == 1 and len(world.chain._all) == 1


def test_restored_blobs_are_files_of_their_own_and_those_that_are_there_stay(world, backup, tmp_path_factory):
    world.submit()
    take(world, backup)
    folder = tmp_path_factory.mktemp("new")
    survivor = folder / "blobs" / "ab" / "cd"
    survivor.parent.mkdir(parents=True)
    survivor.write_bytes(b"survived")
    restore(world, backup, folder)
    assert world.market.blobs.get(sha256_digest(SCRIPT)) == SCRIPT
    (kept,) = backup.glob("blobs/*/*")
    (own,) = (path for path in folder.glob("blobs/*/*") if path != survivor)
    assert not own.samefile(kept) and survivor.read_bytes() == b"survived"
    assert not (folder / "restoring").exists()


def test_an_unfilled_bid_of_after_the_backup_may_be_placed_again_and_a_filled_one_not(world, backup, tmp_path_factory):
    take(world, backup)
    filled = world.bid()
    world.offer()
    world.submit(filled)
    run_round(world.market)
    world.drain()
    unfilled = world.bid()
    world.submit(unfilled)
    restore(world, backup, tmp_path_factory.mktemp("new"))
    catch_up(world.market, wait=0)
    with world.market.store.read() as tx:
        assert tx.bids.get(unfilled.struct_hash()) is None
        assert [lease.bid_hash for lease in tx.leases.open()] == [filled.struct_hash()]
    assert world.submit(unfilled) == unfilled.struct_hash()
    with pytest.raises(CancelledOrder, match="used or cancelled"):
        world.submit(filled)


@pytest.mark.parametrize(("was", "looks_in"), [("s3://bucket/one", None), (None, "s3://bucket/one")])
def test_blobs_in_a_bucket_stay_there_and_a_restore_looks_for_them_nowhere_else(world, tmp_path, was, looks_in):
    world.market.blobs.put(sha256_digest(b"input"), b"input")
    taken = take_backup(world.folder, tmp_path / "backup", OURS, NOW, was)
    assert bool(taken.blobs) is (was is None)
    assert Backup.load(tmp_path / "backup") == taken
    settings = MarketSettings(address_book=tmp_path / "a", operator_keystore=tmp_path / "k", blobs_url=was)
    require_same_place(taken, settings)
    with pytest.raises(ConflictError, match="s3://bucket/one"):
        require_same_place(taken, settings.model_copy(update={"blobs_url": looks_in}))
