"""A renter on its own: deposits, signs a bid for a market, watches what becomes of it. It asks a node alone."""

import json
import os
from pathlib import Path

from eth_account import Account
from web3.middleware import SignAndSendRawMiddlewareBuilder

from marketplace.published import AddressBook, Bid, Contracts, follow_bid

account = Account.from_key(os.environ["PRIVATE_KEY"])
book = AddressBook.load(Path(os.environ["ADDRESS_BOOK"]))
contracts = Contracts(os.environ["RPC_URL"], book)
w3, escrow, usdc = contracts.web3, contracts.escrow, contracts.token
w3.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(account), layer=0)
for call in (usdc.functions.approve(escrow.address, 1_000_000), escrow.functions.deposit(1_000_000)):
    block = w3.eth.wait_for_transaction_receipt(call.transact({"from": account.address}))["blockNumber"]

_, salt_base, window = escrow.functions.renterAccount(account.address).call()
now = w3.eth.get_block("latest")["timestamp"]
bid = Bid(
    renter=account.address, market=os.environ["MARKET"], job_digest=os.environ["JOB"], gpus=0, vcpus=1, memory_mb=512,
    duration_seconds=60, fuel=5_000_000_000, egress_mb=1, max_price=500_000, replicas=1, verification=0, settlement=0,
    deadline=now + 1800, valid_until=now + 600, salt=salt_base + window.bit_length(),
)  # fmt: skip
print(json.dumps({"bid": bid.to_json(), "signature": bid.sign(book.domain, account.key)}), flush=True)

for told in follow_bid(contracts, bid.struct_hash(), block):
    print(told.state, told.opened.lease_id, told.pay, told.result_digest, flush=True)
