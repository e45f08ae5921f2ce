"""The whole interface under generated requests: it answers as its OpenAPI document says, and never with a bug.

Schemathesis makes requests of the document, valid ones and broken ones, the same in each run; every other one comes
with a session, and names what is there where it names something. A valid request may still be refused for what it
means (a signature that is none), so that is no finding; a bug, or a status, a media type, a header or a body that is
not in the document, is.
"""

from collections import Counter
from dataclasses import replace

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from marketplace.adapters.courier import HttpCourier
from marketplace.api.app import build_app
from marketplace.protocol.audits import Audit
from marketplace.protocol.jobspec import Checkpointing
from tests.fakes.databases import close_databases
from tests.fakes.http import client_of
from tests.fakes.signing_in import hook, sign_in
from tests.fakes.world import AGENT, OTHER_RULES, RENTER, World
from tests.integration.test_authorization import ROWS, placed_workflow

EXAMPLES = {GenerationMode.POSITIVE: 6, GenerationMode.NEGATIVE: 3}
"""Of each operation and kind of request: less than a minute of processor for all together."""
ENDLESS = {"follow_market", "follow_work"}
"""Streams that end with their connection: `test_streams.py` and `test_work_feeds.py` play them."""
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
UNAVAILABLE = 503
"""The one status above 499 that is no bug; that it is documented is checked."""
UNBREAKABLE = {"issue_nonce", "show_account"}
"""One takes nothing at all; the other any text in its path, and says of what is no address what is wrong."""
UNREAD = {"place_bids", "upload_blob"}
"""A body that is taken piece by piece, or as whatever bytes it is: broken ones are no worse than others."""


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """The operations of one market by name, and what is in it by the names of parameters."""
    world = World(tmp_path_factory.mktemp("fuzzed"), OTHER_RULES)
    plain = world.job_spec()
    spec = plain.model_copy(update={"checkpoint": Checkpointing(directory="state"), "audit": Audit(rate_ppm=500_000)})
    world.job_spec = lambda: spec
    lease = world.open_lease()
    world.attest(lease)
    with world.market.store.read() as tx:
        job = tx.leases.get(lease).bid_hash
    known = {"job_id": job, "subject": job, "lease_id": lease, "number": 1, "index": 0}
    known |= {"digest": spec.inputs[0].digest, "address": RENTER.address, "node_id": AGENT.address}
    app = build_app(replace(world.market, courier=HttpCourier()), with_workers=False)
    with client_of(app) as api:
        session = sign_in(api, world)
        known["webhook_id"] = hook(api, session, "https://hooks.example")["id"]
        known["workflow_id"] = placed_workflow(api, world)
        schema = schemathesis.openapi.from_asgi("/openapi.json", app)
        found = [each.ok() for each in schema.get_all_operations()]
        yield {one.definition.raw["operationId"]: one for one in found}, known, session
    close_databases()


@pytest.mark.parametrize("mode", EXAMPLES, ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", sorted(ROWS.keys() - ENDLESS))
def test_every_answer_to_any_request_is_in_the_document(played, operation, mode):
    operations, known, session = played
    seen: Counter[int] = Counter()
    checks = [*CHECKS, negative_data_rejection] if operation not in UNREAD else CHECKS

    @settings(
        max_examples=EXAMPLES[mode],
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operations[operation].as_strategy(mode), is_known=st.booleans())
    def ask(case, is_known) -> None:
        if is_known and mode is GenerationMode.POSITIVE:
            case.path_parameters |= {name: known[name] for name in case.path_parameters if name in known}
        response = case.call(headers=session if is_known else None)
        seen[response.status_code] += 1
        assert response.status_code < 500 or response.status_code == UNAVAILABLE, response.text
        case.validate_response(response, checks=checks)

    if mode is GenerationMode.NEGATIVE and not can_be_broken(operations[operation].definition.raw):
        assert operation in UNBREAKABLE or operations[operation].method == "get"
        return
    ask()
    assert seen, "nothing was asked"


def can_be_broken(operation: dict) -> bool:
    """Whether there is anything in a request that could be wrong."""
    if operation["operationId"] in UNBREAKABLE:
        return False
    return bool("requestBody" in operation or [one for one in operation.get("parameters", []) if one["in"] != "header"])
