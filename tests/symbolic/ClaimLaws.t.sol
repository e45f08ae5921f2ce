// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IEscrow} from "../../contracts/interfaces/IEscrow.sol";
import {IEscrowClaims} from "../../contracts/interfaces/IEscrowClaims.sol";
import {LeaseUnderProof} from "./LeaseUnderProof.sol";

/// @notice `claim` moves nothing and takes the lease out of its group exactly once; every way on from there gives out the
/// lock exactly once: released, decided by oracles, or disputed and undecided.
contract ClaimLaws is LeaseUnderProof {
    function _claim(uint64 pay, uint40 time) private returns (bool) {
        PROVER.warp(time);
        IEscrow.Attestation memory evidence;
        evidence.leaseId = leaseId;
        return _try(PROVIDER, abi.encodeCall(IEscrowClaims.claim, (MARKET, _group(), pay, evidence, PROVIDER, "")));
    }

    function _release(uint40 time, bool byRenter) private returns (bool) {
        PROVER.warp(time);
        return _try(byRenter ? RENTER : STRANGER, abi.encodeCall(IEscrowClaims.release, (_claimed())));
    }

    function _dispute(uint40 time) private returns (bool) {
        PROVER.warp(time);
        return _try(RENTER, abi.encodeCall(IEscrowClaims.dispute, (_claimed())));
    }

    function _expire(uint40 time) private returns (bool) {
        PROVER.warp(time);
        return _try(STRANGER, abi.encodeCall(IEscrowClaims.expireDispute, (_claimed())));
    }

    function _decide(State memory s, uint256 outcome) private returns (bool) {
        (uint256[] memory outcomes, bytes32[] memory digests) = (new uint256[](1), new bytes32[](1));
        (bytes32[] memory signatures, IEscrow.ClaimedLease[] memory leases) =
            (new bytes32[](2), new IEscrow.ClaimedLease[](1));
        (outcomes[0], leases[0], signatures[0], signatures[1]) = (outcome, _claimed(), s.r, s.vs);
        return _try(
            STRANGER, abi.encodeCall(IEscrowClaims.settleClaims, (leases, outcomes, digests, _quorum(), signatures))
        );
    }

    function check_claim_moves_nothing_exactly_once(State memory s, uint64 pay, uint40 time) external {
        _open(s);
        if (!_claim(pay, time)) return;
        assert(escrow.renterWord(RENTER) == s.renterWord && escrow.providerWord(PROVIDER) == s.providerWord);
        assert(pay <= s.price && time <= s.deadline);
        assert(uint32(escrow.groupWord(MARKET, GROUP)) == 0);
        assert(!_claim(pay, time));
    }

    function check_release_gives_out_the_lock_exactly_once(State memory s, uint64 pay, uint40 time, bool byRenter)
        external
    {
        _assumeShares(s, pay);
        _open(s);
        if (!_claim(pay, 1) || !_release(time, byRenter)) return;
        _assertSplit(s, pay, false, 0);
        _assertGone(s);
        assert(byRenter || time > 1 + 1 hours);
        assert(!_release(time, byRenter) && !_dispute(time) && !_decide(s, uint256(1) << 64));
    }

    function check_verdict_on_a_claim_gives_out_the_lock_exactly_once(State memory s, uint64 pay, uint256 outcome)
        external
    {
        _assumeShares(s, uint64(outcome));
        _open(s);
        if (!_claim(pay, 1) || !_decide(s, outcome)) return;
        _assertSplit(s, uint64(outcome), true, 0);
        _assertGone(s);
        assert(!_decide(s, outcome) && !_release(type(uint40).max, false));
    }

    function check_verdict_on_a_dispute_gives_out_lock_and_bond_exactly_once(State memory s, uint64 pay, uint256 outcome)
        external
    {
        _assumeShares(s, uint64(outcome));
        _open(s);
        if (!_claim(pay, 1) || !_dispute(2) || !_decide(s, outcome)) return;
        uint256 bond = (uint256(pay) * 1_000 + 9_999) / 10_000;
        // The bond is the provider's if the oracles give it all that it claimed.
        bool good = uint8(outcome >> 64) == uint8(IEscrow.Outcome.Paid) && uint64(outcome) >= pay;
        _assertSplit(s, uint64(outcome), true, good ? bond : 0);
        _assertGone(s);
        assert(!_decide(s, outcome) && !_expire(type(uint40).max));
    }

    function check_undecided_dispute_gives_lock_and_bond_back_exactly_once(State memory s, uint64 pay, uint40 time)
        external
    {
        _open(s);
        if (!_claim(pay, 1) || !_dispute(2) || !_expire(time)) return;
        _assertSplit(s, 0, false, 0);
        _assertGone(s);
        assert(time > 2 + 1 days);
        assert(!_expire(time) && !_dispute(2) && !_release(time, true));
    }

    function reach_release(State memory s, uint64 pay, uint40 time) external {
        _open(s);
        if (!_claim(pay, 1)) return;
        assert(!_release(time, false));
    }

    function reach_verdict_on_a_claim(State memory s, uint64 pay, uint256 outcome) external {
        _open(s);
        if (!_claim(pay, 1)) return;
        assert(!_decide(s, outcome));
    }

    function reach_verdict_on_a_dispute(State memory s, uint64 pay, uint256 outcome) external {
        _open(s);
        if (!_claim(pay, 1) || !_dispute(2)) return;
        assert(!_decide(s, outcome));
    }

    function reach_undecided_dispute(State memory s, uint64 pay, uint40 time) external {
        _open(s);
        if (!_claim(pay, 1) || !_dispute(2)) return;
        assert(!_expire(time));
    }
}
