"""Who may do what at the API: one cell for each operation and identity, played against the whole application.

A request is worth what it carries, and what changes anything carries a signature; what a session or key opens has
tests of its own (test_sessions.py, test_webhook_owners.py). A cell is the
act of the rightful party (a bid of the renter's, evidence of the lease's agent), signed by the identity of its column;
where a message names its signer beside it, also in that identity's own name.
"""

import pytest

from marketplace.api.app import build_app
from marketplace.protocol.audits import Audit
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.checkpoint import Checkpoint
from marketplace.protocol.jobspec import Checkpointing
from marketplace.protocol.manifest import Manifest, ManifestEntry
from marketplace.services.show_lease import show_lease
from tests.fakes.databases import close_databases
from tests.fakes.http import client_of
from tests.fakes.world import AGENT, ORACLES, OTHER_RULES, RENTER, World
from tests.integration.acts import API, IDENTITIES, PLAYED, Act, signed
from tests.integration.acts_of_many import PLAYED_OF_MANY, workflow_in

MATRIX = """
advise_job          anybody
cancel_orders       renter
create_api_key      account
create_webhook      account
delete_webhook      account
download_blob       anybody
end_session         account
explain_ask         anybody
explain_job         anybody
find_blob           anybody
find_log_entries    anybody
follow_market       anybody
follow_work         anybody
issue_nonce         guest
list_api_keys       account
list_asks           anybody
list_batches        anybody
list_claims         anybody
list_deliveries     account
list_faults         anybody
list_grants         anybody
list_job_events     anybody
list_jobs           anybody
list_keys           anybody
list_leases         anybody
list_log_entries    anybody
list_members        anybody
list_nodes          anybody
list_reveals        anybody
list_rounds         anybody
list_seals          anybody
list_sessions       account
list_webhooks       account
list_workflows      anybody
look_up_account     anybody
offer_key           oracle
open_canary         operator
open_session        guest
place_ask           provider
place_bid           renter
place_bids          renter
place_workflow      renter
prove_log_entry     anybody
prove_log_growth    anybody
quote_job           anybody
redeliver           account
request_refund      anybody
reveal_verdict      oracle
reveal_verdicts     oracle
revoke_api_key      account
rotate_secret       account
send_attestation    agent
send_audit_seal     oracle
send_audit_share    oracle
send_checkpoint     agent
send_grant          renter
send_heartbeat      agent
send_log            agent
send_receipt        renter
send_verdict_seal   oracle
send_verdict_seals  oracle
show_account        anybody
show_attestation    anybody
show_audit          anybody
show_checkpoint     anybody
show_cluster        anybody
show_config         anybody
show_health         anybody
show_job            anybody
show_job_cost       anybody
show_job_logs       anybody
show_job_result     anybody
show_lease          anybody
show_lease_terms    anybody
show_liveness       anybody
show_log_head       anybody
show_readiness      anybody
show_round          anybody
show_status         anybody
show_transcript     anybody
show_workflow       anybody
sign_batch          oracle
upload_blob         anybody
"""
"""Whom each operation is for: `anybody`, or the one identity whose signature it takes. A bid, an ask, a cancel and a
key's offer are of whoever signs them: the column is whose name they bear. `account` is whoever has opened a session,
or has a key for it, and sees its own alone; `guest` is who is about to open one."""
ROWS = dict(line.split(maxsplit=1) for line in MATRIX.strip().splitlines())
SIGNED = {operation: who for operation, who in ROWS.items() if who not in ("anybody", "account", "guest")}
OF_ACCOUNTS = sorted(operation for operation, who in ROWS.items() if who == "account")
ACTS = PLAYED | PLAYED_OF_MANY
UNALIKE = {operation for operation, who in ROWS.items() if who in ("account", "guest")}
"""What a session opens, and how one is opened: `test_sessions.py` and `test_webhook_owners.py` play them."""
ENDLESS = {"follow_market", "follow_work"}
"""Streams that end with their connection: `test_streams.py` and `test_work_feeds.py` play them."""


@pytest.fixture(autouse=True)
def _closed_databases():
    yield
    close_databases()


def statuses(api, acts: list[Act]) -> list[tuple[int, str]]:
    """Of each act the status and the problem's code; of a bulk's only bid its own."""
    found = []
    for act in acts:
        response = api.post(act.path, json=act.body)
        document = response.json()
        (each,) = document.get("results", [{"status": response.status_code, "problem": document}])
        found.append((each["status"], each.get("problem", {}).get("code", "")))
    return found


def test_every_operation_of_the_interface_has_a_row_and_every_row_an_operation(tmp_path):
    document = build_app(World(tmp_path).market, with_workers=False).openapi()
    found = {operation["operationId"] for methods in document["paths"].values() for operation in methods.values()}
    assert set(ROWS) == found
    assert set(ACTS) == set(SIGNED) and set(SIGNED.values()) <= set(IDENTITIES)


@pytest.mark.parametrize("operation", sorted(SIGNED))
def test_an_act_is_taken_with_its_partys_signature_and_with_no_other(tmp_path, operation):
    world, act = ACTS[operation](tmp_path)
    rightful = SIGNED[operation]
    with client_of(build_app(world.market, with_workers=False)) as api:
        for name, signer in IDENTITIES.items():
            if name != rightful:
                refused = statuses(api, act(signer))
                assert all(status in (403, 422) for status, _ in refused), (name, refused)
                assert {code for _, code in refused} <= {"invalid_signature", "wrong_signer"}, (name, refused)
        taken = statuses(api, act(IDENTITIES[rightful]))
    assert all(status in (200, 201, 202) for status, _ in taken), taken


@pytest.fixture(scope="module")
def open_market(tmp_path_factory):
    """A market with a settled past, and the parameters under which each read finds something."""
    world = World(tmp_path_factory.mktemp("open"), OTHER_RULES)
    plain = world.job_spec()
    spec = plain.model_copy(update={"checkpoint": Checkpointing(directory="state"), "audit": Audit(rate_ppm=500_000)})
    world.job_spec = lambda: spec
    lease = world.open_lease()
    with world.market.store.read() as tx:
        job = tx.leases.get(lease).bid_hash
    with client_of(build_app(world.market, with_workers=False)) as api:
        taken, manifest = world.chain.time, Manifest.build([ManifestEntry.of("out/state/n", b"7")])
        world.market.blobs.put(sha256_digest(b"7"), b"7")
        saved = Checkpoint(lease_id=lease, job_digest=spec.digest(), root=manifest.root(), taken_at=taken)
        body = signed("checkpoint", saved, AGENT, manifest=manifest.to_json())
        assert api.post(f"{API}/leases/{lease}/checkpoint", json=body).is_success
        world.attest(lease)
        names = {"job_id": job, "lease_id": lease, "number": "1", "digest": sha256_digest(b"7"), "index": "0"}
        names |= {"address": RENTER.address, "subject": job, "node_id": AGENT.address}
        names |= {"workflow_id": placed_workflow(api, world), "ask_hash": show_lease(world.market, lease)["askHash"]}
        yield api, names
    close_databases()


def placed_workflow(api, world) -> str:
    """Its id."""
    (act,) = workflow_in(world)(RENTER)
    return api.post(act.path, json=act.body).json()["workflowId"]


@pytest.mark.parametrize("operation", sorted(ROWS.keys() - SIGNED.keys() - ENDLESS - UNALIKE))
def test_what_is_for_anybody_answers_everybody_alike_whatever_credentials_they_show(open_market, operation):
    api, names = open_market
    methods = api.get("/openapi.json").json()["paths"].items()
    ((method, path, found),) = [
        (method, path, one) for path, each in methods for method, one in each.items() if one["operationId"] == operation
    ]
    asked = {"oracle": ORACLES[0].address, "first": "1"}
    needed = {
        one["name"]: asked[one["name"]]
        for one in found.get("parameters", [])
        if one.get("required") and one["in"] == "query"
    }
    body = found.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
    answers = set()
    for signer in IDENTITIES.values():
        headers = {"Authorization": f"Bearer {signer.address}", "Cookie": f"session={signer.address}"} if signer else {}
        data = {"content": b"7"} if method == "put" else {"json": body} if body else {}
        response = api.request(method, path.format(**names), params=needed, headers=headers, **data)
        assert response.status_code in (200, 201, 409, 503), response.text
        assert response.status_code != 409 or operation == "request_refund", response.text
        assert response.status_code != 503 or operation == "show_readiness", response.text
        answers.add((response.status_code, response.text))
    assert len(answers) == 1


@pytest.mark.parametrize("operation", OF_ACCOUNTS)
def test_what_is_an_accounts_is_opened_by_no_credentials_and_by_none_that_are_made_up(open_market, operation):
    api, names = open_market
    methods = api.get("/openapi.json").json()["paths"].items()
    ((method, path, found),) = [
        (method, path, one) for path, each in methods for method, one in each.items() if one["operationId"] == operation
    ]
    body = found.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
    for signer in IDENTITIES.values():
        headers = {"Authorization": f"Bearer {signer.address}", "Cookie": f"session={signer.address}"} if signer else {}
        places = names | {one["name"]: "1" for one in found.get("parameters", []) if one["name"] not in names}
        response = api.request(method, path.format(**places), headers=headers, json=body)
        assert (response.status_code, response.json()["code"]) == (401, "unauthorized"), response.text
