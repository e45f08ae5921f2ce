"""When seals are opened and who has failed, whatever oracles do and whenever they do it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.domain.seals import FaultKind, Judgement, SealRecord, find_faults, is_opening_due
from marketplace.protocol.messages import VerdictReveal, VerdictSeal

MEMBERS = tuple("0x" + f"{number:040x}" for number in range(1, 8))
LEASE = "0x" + "11" * 32
words = st.binary(min_size=32, max_size=32).map(lambda raw: "0x" + raw.hex())
reveals = st.fixed_dictionaries(
    {
        "lease_id": words,
        "outcome": st.integers(1, 3),
        "pay": st.integers(0, 2**64 - 1),
        "result_digest": words,
        "secret": words,
    }
).map(VerdictReveal.model_validate)


def seal(oracle: str, at: int, *, late: bool = False) -> SealRecord:
    return SealRecord(VerdictSeal(lease_id=LEASE, commitment="0x" + "77" * 32), oracle, "0x", at, late)


@st.composite
def committees(draw):
    """A committee, its threshold, and who has sealed when, strangers among them."""
    members = MEMBERS[: draw(st.integers(1, 5))]
    sealed = draw(st.dictionaries(st.sampled_from(MEMBERS), st.integers(0, 20)))
    return members, draw(st.integers(1, len(members))), [seal(oracle, at) for oracle, at in sealed.items()]


@settings(derandomize=True)
@given(committees(), st.integers(0, 40), st.integers(0, 10))
def test_seals_are_never_opened_for_fewer_members_than_must_agree(given_, now, window):
    members, threshold, seals = given_
    if is_opening_due(seals, members, threshold=threshold, now=now, seal_seconds=window):
        assert sum(one.oracle in members for one in seals) >= threshold


@settings(derandomize=True)
@given(committees(), st.integers(0, 40), st.integers(0, 10), st.integers(0, 40))
def test_what_is_due_stays_due_as_time_passes(given_, now, window, later):
    members, threshold, seals = given_
    rules = {"threshold": threshold, "seal_seconds": window}
    before = is_opening_due(seals, members, now=now, **rules)
    assert not before or is_opening_due(seals, members, now=now + later, **rules)


@settings(derandomize=True)
@given(committees(), st.integers(0, 10))
def test_enough_members_need_to_wait_for_nobody_longer_than_the_window(given_, window):
    members, threshold, seals = given_
    own = [one.received_at for one in seals if one.oracle in members]
    if len(own) >= threshold:
        now = min(own) + window
        assert is_opening_due(seals, members, threshold=threshold, now=now, seal_seconds=window)


@settings(derandomize=True)
@given(committees(), st.integers(0, 40), st.integers(0, 10))
def test_strangers_seals_change_nothing(given_, now, window):
    members, threshold, seals = given_
    rules = {"threshold": threshold, "now": now, "seal_seconds": window}
    own = [one for one in seals if one.oracle in members]
    assert is_opening_due(seals, members, **rules) == is_opening_due(own, members, **rules)


@settings(derandomize=True)
@given(
    st.dictionaries(st.sampled_from(MEMBERS), st.tuples(st.booleans(), st.booleans())), st.booleans(), st.integers(1, 7)
)
def test_each_member_fails_a_lease_in_one_way_or_in_none(acts, is_open, size):
    """`acts`: by oracle, whether its seal was late, and whether it revealed."""
    members = MEMBERS[:size]
    seals = [seal(oracle, 5, late=late) for oracle, (late, _) in acts.items()]
    revealed = {oracle for oracle, (_, told) in acts.items() if told}
    judgement = Judgement(LEASE, 1, 5 if is_open else None, members)
    expected = {}
    for member in members:
        late, told = acts.get(member, (None, False))
        if late is None:
            expected[member] = FaultKind.ABSENT
        elif late:
            expected[member] = FaultKind.LATE
        elif is_open and not told:
            expected[member] = FaultKind.WITHHELD
    assert {one.oracle: one.kind for one in find_faults(judgement, members, seals, revealed, 9)} == expected


@settings(derandomize=True)
@given(reveals, st.sampled_from(MEMBERS))
def test_a_commitment_binds_its_oracle_to_every_part_of_the_verdict_and_to_the_secret(reveal, oracle):
    changes = [
        {"lease_id": "0x" + "00" * 31 + "01"},
        {"outcome": reveal.outcome % 3 + 1},
        {"pay": reveal.pay ^ 1},
        {"result_digest": reveal.secret},
        {"secret": reveal.result_digest},
    ]
    others = [reveal.model_copy(update=change) for change in changes]
    commitments = {one.commitment(oracle) for one in others if one != reveal}
    assert reveal.commitment(oracle) not in commitments
    assert reveal.commitment(oracle) == VerdictReveal.of(reveal.verdict, reveal.secret).commitment(oracle)
    assert reveal.commitment(oracle) not in {reveal.commitment(other) for other in MEMBERS if other != oracle}
