"""What a program with the generated Python client does; run by test_generated_clients with the market's address.

python generated_client.py URL BODY RENTER
"""

import json
import sys
from pathlib import Path

from computehive_api import Client
from computehive_api.api.jobs import list_jobs, place_bid, show_job
from computehive_api.api.market import show_config
from computehive_api.api.nodes import list_asks
from computehive_api.models import JobBody, Problem


def main(url: str, body: str, renter: str) -> dict:
    client = Client(base_url=url)
    placed = [
        place_bid.sync(client=client, body=JobBody.from_dict(one)).job_id for one in json.loads(Path(body).read_text())
    ]
    listed, cursor = [], None
    while not listed or cursor:
        page = list_jobs.sync(client=client, renter=renter, limit=1, cursor=cursor)
        listed.append([one.job_id for one in page.jobs])
        cursor = page.next_cursor
    problem = show_job.sync(job_id="0x" + "00" * 32, client=client)
    assert isinstance(problem, Problem)
    return {
        "chainId": show_config.sync(client=client).chain_id,
        "asks": len(list_asks.sync(client=client).asks),
        "placed": placed,
        "pages": listed,
        "problem": [problem.status, problem.code],
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
