"""Random sequences of every call by several accounts, against a plain-Python model and against the events alone.

Each call goes to the chain and to the model; both must do the same or refuse with the same error and values. At the end
of each sequence every view must say what the model says, and so must an index built from the logs alone.

HIVE_STATEFUL_EXAMPLES and HIVE_STATEFUL_STEPS make it search longer; the sequences follow from them alone.
"""

import os
import random
from collections import Counter

import brownie
from brownie.exceptions import VirtualMachineError

from tests.contracts.ModuleRegistry.model import Index, Model, Refused
from tests.contracts.ModuleRegistry.words import LONGEST_TEXT, NO_VERSION, NOBODY, NOTHING, UINT64_MAX, digest_of, plain

EXAMPLES = max(1, int(os.environ.get("HIVE_STATEFUL_EXAMPLES", "24")) // 4)
STEPS = 2 * int(os.environ.get("HIVE_STATEFUL_STEPS", "30"))
OWN_NAMES = {"alice": ["alpha", "m0del-1"], "bob": ["beta", "wasm-run"], "carol": ["gamma", "delta"]}
OTHER_NAMES = (
    ["alpha"] * 3 + ["beta"] * 3 + ["gamma"] * 3 + ["a1pha", "bet-a", "rnodel-i", "vvasmrun", "Alpha", "no", "x--y"]
)
VERSIONS = [(major, minor, patch) for major in range(3) for minor in range(2) for patch in range(2)]
VERSIONS += [(UINT64_MAX, UINT64_MAX, UINT64_MAX), (0, UINT64_MAX, 0)]
assert VERSIONS[0] == NO_VERSION

TEXTS = ["use 2.0.0", "it has a hole", "x" * LONGEST_TEXT] * 4 + ["", "y" * (LONGEST_TEXT + 1), "trägt nicht"]
CALLS = ["publish"] * 10 + ["deprecate"] * 5 + ["deprecateName", "restoreName"]
CALLS += ["transferName"] * 2 + ["acceptName"] * 2


def draw_steps(seed):
    """The calls of one sequence: they follow from its number."""
    chance = random.Random(seed)
    for _ in range(STEPS):
        yield (
            chance.choice(CALLS),
            chance.choice(list(OWN_NAMES)),
            chance.randrange(10) > 0,
            chance.randrange(1_000),
            chance.choice(VERSIONS),
            digest_of(chance.randrange(12)),
            chance.choice(TEXTS),
            chance.choice(list(OWN_NAMES)),
        )


called: Counter[str] = Counter()
"""How often each call succeeded and each refusal was met: a search that never succeeds proves nothing."""


class Play:
    """One sequence on the chain and in the model."""

    def __init__(self, registry, people):
        self.registry, self.people = registry, people
        self.model = Model()
        self.first_block = brownie.chain.height + 1

    def step(self, call, who, sensible, pick, version, digest, text, other):
        """One call on both sides; they must agree on whether and why it is refused."""
        name = self.some_name(call, who, sensible, pick)
        module = self.model.modules.get(name)
        if sensible and module is not None and pick % 3:
            call = "restoreName" if module.deprecated and call == "publish" else call
            version = list(module.releases)[pick % len(module.releases)] if call == "deprecate" else version
        arguments = {
            "publish": (version, digest, digest_of(pick) if pick % 2 else NOTHING, text),
            "deprecate": (version, text),
            "deprecateName": (text,),
            "transferName": (self.people[other].address if pick % 8 else NOBODY,),
        }.get(call, ())
        try:
            getattr(self.registry, call)(name, *arguments, {"from": self.people[who]})
            message = None
        except VirtualMachineError as error:
            message = error.revert_msg
        try:
            getattr(self.model, call)(brownie.chain[-1].timestamp, self.people[who].address, name, *arguments)
            expected = None
        except Refused as refused:
            expected = refused.args
        self.require_agreement(call, message, expected)
        if name in self.model.modules and message is None:
            assert plain(self.registry.module(name)) == self.model.modules[name].as_seen(name)

    def some_name(self, call, who, sensible, pick):
        """A name of the caller's, or one that it may accept, nine times of ten; else any."""
        account = self.people[who].address
        field = "pending" if call == "acceptName" else "owner"
        fitting = [name for name, module in self.model.modules.items() if getattr(module, field) == account]
        if call == "publish" and (pick % 4 == 0 or not fitting):
            fitting = OWN_NAMES[who]
        pool = fitting if sensible and fitting else OTHER_NAMES
        return pool[pick % len(pool)]

    @staticmethod
    def require_agreement(call, message, expected):
        """The same refusal with the same values, or none on both sides."""
        if expected is None:
            assert message is None, f"{call}: the chain says {message}, the model nothing"
            called[call] += 1
            return
        name, *values = expected
        given_name, _, given_values = (message or "").partition(": ")
        assert given_name == name, f"{call}: the chain says {message}, the model {expected}"
        if not name.startswith(("NameLength", "NameCharacter")):
            assert given_values.lower() == ", ".join(map(str, values)).lower()
        called[name] += 1

    def views(self):
        """Everything that the views say, by pages of two."""
        registry, names = self.registry, []
        while page := plain(registry.modules(len(names), 2)):
            names += page
        assert registry.moduleCount() == len(names)
        releases = {}
        for name, *_ in names:
            releases[name] = ()
            while page := plain(registry.releases(name, len(releases[name]), 2)):
                releases[name] += page
        return tuple(names), releases

    def index(self):
        """What the logs tell."""
        web3, registry = brownie.web3, self.registry
        contract = web3.eth.contract(address=registry.address, abi=registry.abi)
        by_topic = {bytes(event.topic) if isinstance(event.topic, bytes) else bytes.fromhex(event.topic[2:]): event
                    for event in (each() for each in contract.events)}  # fmt: skip
        index = Index()
        for log in web3.eth.get_logs({"address": registry.address, "fromBlock": self.first_block}):
            event = by_topic[bytes(log["topics"][0])]
            timestamp = web3.eth.get_block(log["blockNumber"])["timestamp"]
            inputs = [item["name"] for item in event.abi["inputs"]]
            values = event.process_log(log)["args"]
            index.apply(event.abi["name"], timestamp, {key: plain(values[key]) for key in inputs})
        return index

    def require_resolved(self):
        """Each version resolves to what was published, deprecated or not; `latest` is the greatest that is not."""
        for name, module in self.model.modules.items():
            for version, release in module.releases.items():
                expected = (release.digest, release.publisher, release.deprecated or module.deprecated)
                assert plain(self.registry.resolve(name, version)) == expected
            if module.latest != NO_VERSION:
                assert plain(self.registry.latest(name)) == module.latest


def test_no_sequence_of_calls_breaks_what_the_registry_promises(registry, world):
    called.clear()
    people = dict(zip(OWN_NAMES, world.renters, strict=True))

    for seed in range(EXAMPLES):
        brownie.chain.snapshot()
        try:
            play = Play(registry, people)
            for step in draw_steps(seed):
                play.step(*step)
            seen = play.views()
            assert seen == play.model.as_seen()
            assert seen == play.index().as_seen()
            play.require_resolved()
        except AssertionError as error:
            error.add_note(f"sequence {seed}")
            raise
        finally:
            brownie.chain.revert()
    print(dict(called))
    wanted = {"publish", "deprecate", "deprecateName", "restoreName", "transferName", "acceptName", "NameLooksTaken"}
    wanted |= {"NotNameOwner", "VersionExists", "UnknownVersion", "NameIsDeprecated", "NotPendingNameOwner"}
    assert wanted - set(called) == set(), "the sequences never reached these"
