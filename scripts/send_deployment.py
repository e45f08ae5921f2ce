"""Deploys on the network of a profile, once `scripts/dry_run.py` has said what that means.

    python -m scripts.send_deployment base --rpc URL --keystore FILE.json --governor 0x… --treasury 0x… --oracle 0x…
        --oracle 0x… --threshold 2

Chain id and token are checked before anything is sent. Brownie asks for the keystore's password, unless
HIVE_DEPLOYER_PASSWORD_FILE names a file that holds it. The address book is build/deployments/<network>.json.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.dry_run import DryRunError, rpc_request
from scripts.networks import NetworkError, check_network, load_profile
from scripts.toolchain import BROWNIE_VENV, BUILD, ROOT, brownie_environment


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options. Ends the process with what is wrong with them."""
    parser = argparse.ArgumentParser(prog="python -m scripts.send_deployment", description="Deploys, and pays for it.")
    parser.add_argument("network", help="a profile of scripts/profiles, or a path to one")
    parser.add_argument("--rpc", required=True, help="URL of a node of that network")
    parser.add_argument("--keystore", required=True, type=Path, help="the account that pays, encrypted")
    parser.add_argument("--governor", required=True, help="who announces what governance wants")
    parser.add_argument("--treasury", required=True, help="where fees go")
    parser.add_argument("--oracle", action="append", required=True, dest="oracles", help="once for each member")
    parser.add_argument("--threshold", required=True, type=int, help="how many must sign")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Brownie's exit status, or 1 with a line that says why nothing was sent."""
    options = parse(arguments)
    try:
        profile = load_profile(options.network)
        check_network(profile, rpc_request(options.rpc))
        if not options.keystore.is_file():
            raise NetworkError(f"There is no keystore {options.keystore}.")
    except (DryRunError, NetworkError) as error:
        print(f"nothing sent: {error}", file=sys.stderr)
        return 1
    given = {
        "profile": os.path.abspath(options.network) if options.network.endswith(".json") else options.network,
        "oracles": options.oracles,
        "threshold": options.threshold,
        "treasury": options.treasury,
        "governor": options.governor,
    }
    # Brownie looks for every contract that it has deployed on a chain of this id before; the address books know them.
    shutil.rmtree(BUILD / "deployments" / str(profile.chain_id), ignore_errors=True)
    env = brownie_environment(options.rpc, BUILD / "live-brownie-home", live_chain_id=profile.chain_id)
    env |= {"HIVE_DEPLOYMENT": json.dumps(given), "HIVE_DEPLOYER": str(options.keystore.resolve())}
    command = [str(BROWNIE_VENV / "bin" / "brownie"), "run", "scripts/deploy.py", "main", "--network", "hive-live"]
    return subprocess.run(command, cwd=ROOT, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
