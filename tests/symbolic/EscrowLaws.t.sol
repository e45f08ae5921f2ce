// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IEscrow} from "../../contracts/interfaces/IEscrow.sol";
import {IEscrowSettlement} from "../../contracts/interfaces/IEscrowSettlement.sol";
import {LeaseUnderProof} from "./LeaseUnderProof.sol";

/// @notice `settle`, `accept` and `refund` give out exactly what a lease locked, exactly once: `paid + fee + refund ==
/// locked`, and with fraud the penalty on top, to the renter. For every lease, account, verdict, receipt and signature.
contract SettleLaws is LeaseUnderProof {
    function _settle(State memory s, uint256 outcome, bytes32 resultDigest) private returns (bool) {
        (uint256[] memory outcomes, bytes32[] memory digests) = (new uint256[](1), new bytes32[](1));
        bytes32[] memory signatures = new bytes32[](2);
        (outcomes[0], digests[0], signatures[0], signatures[1]) = (outcome, resultDigest, s.r, s.vs);
        return _try(
            STRANGER,
            abi.encodeCall(IEscrowSettlement.settle, (MARKET, _groups(), outcomes, digests, _quorum(), signatures))
        );
    }

    function check_settle_gives_out_the_lock_exactly_once(State memory s, uint256 outcome, bytes32 digest) external {
        _assumeShares(s, uint64(outcome));
        _open(s);
        if (!_settle(s, outcome, digest)) return;
        _assertSplit(s, uint64(outcome), true, 0);
        _assertGone(s);
        bool fraud = uint8(outcome >> 64) == uint8(IEscrow.Outcome.Fraud);
        assert(penalties.total() == (fraud ? s.price : 0));
        assert(!_settle(s, outcome, digest));
    }

    function reach_settle(State memory s, uint256 outcome, bytes32 digest) external {
        _open(s);
        assert(!_settle(s, outcome, digest));
    }
}

contract AcceptLaws is LeaseUnderProof {
    function _accept(State memory s, uint64 pay, bytes32 digest, bool byProvider) private returns (bool) {
        IEscrow.Receipt memory receipt = IEscrow.Receipt(leaseId, pay, digest);
        bytes memory signature = abi.encodePacked(s.r, s.vs);
        return _try(
            byProvider ? PROVIDER : STRANGER,
            abi.encodeCall(IEscrowSettlement.accept, (MARKET, _group(), receipt, signature))
        );
    }

    function check_accept_gives_out_the_lock_exactly_once(State memory s, uint64 pay, bytes32 digest, bool byProvider)
        external
    {
        _assumeShares(s, pay);
        _open(s);
        if (!_accept(s, pay, digest, byProvider)) return;
        _assertSplit(s, pay, false, 0);
        _assertGone(s);
        assert(byProvider || pay == s.price);
        assert(!_accept(s, pay, digest, byProvider));
    }

    function reach_accept(State memory s, uint64 pay, bytes32 digest, bool byProvider) external {
        _open(s);
        assert(!_accept(s, pay, digest, byProvider));
    }
}

contract RefundLaws is LeaseUnderProof {
    function _refund(uint40 time) private returns (bool) {
        PROVER.warp(time);
        return _try(STRANGER, abi.encodeCall(IEscrowSettlement.refund, (MARKET, _groups())));
    }

    function check_refund_gives_the_lock_back_exactly_once(State memory s, uint40 time) external {
        _open(s);
        if (!_refund(time)) return;
        _assertSplit(s, 0, false, 0);
        _assertGone(s);
        assert(time > s.deadline);
        assert(!_refund(time));
    }

    function reach_refund(State memory s, uint40 time) external {
        _open(s);
        assert(!_refund(time));
    }
}
