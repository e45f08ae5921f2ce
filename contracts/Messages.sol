// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IEscrow} from "./interfaces/IEscrow.sol";
import {MessageLib} from "./libraries/MessageLib.sol";
import {OrderLib} from "./libraries/OrderLib.sol";

/// @title Messages
/// @notice The escrow's hashing and pricing for whoever wants to check them by calls: it holds nothing and can do nothing.
contract Messages {
    /// @notice What the ask charges for the bid's resources, micro-USDC.
    function quote(IEscrow.SignedAsk calldata ask, IEscrow.SignedBid calldata bid) external pure returns (uint256) {
        return OrderLib.quote(ask.rates, uint64(ask.agentAndMinimum >> 160), bid.resources);
    }

    /// @notice EIP-712 struct hash of an ask at a market: its identity.
    function hashAsk(IEscrow.SignedAsk calldata ask, address market) external pure returns (bytes32) {
        return OrderLib.hashAsk(ask, market);
    }

    /// @notice EIP-712 struct hash of a bid of a renter at a market: its identity, and the id of its job.
    function hashBid(IEscrow.SignedBid calldata bid, address renter, address market) external pure returns (bytes32) {
        return OrderLib.hashBid(OrderLib.newPreimage(market), renter, bid.jobDigest, bid.resources, bid.terms);
    }

    /// @notice EIP-712 struct hash of an attestation.
    function hashAttestation(IEscrow.Attestation calldata attestation) external pure returns (bytes32) {
        return MessageLib.hashAttestation(attestation);
    }

    /// @notice EIP-712 struct hash of the batch that oracles sign.
    function hashVerdictBatch(
        bytes32[] calldata leaseIds,
        uint256[] calldata outcomes,
        bytes32[] calldata resultDigests
    ) external pure returns (bytes32) {
        return MessageLib.hashVerdictBatch(leaseIds, outcomes, resultDigests);
    }

    /// @notice EIP-712 struct hash of an oracle's seal.
    function hashVerdictSeal(bytes32 leaseId, bytes32 commitment) external pure returns (bytes32) {
        return MessageLib.hashVerdictSeal(leaseId, commitment);
    }

    /// @notice What a seal commits `oracle` to.
    function commitVerdict(
        address oracle,
        bytes32 leaseId,
        uint8 outcome,
        uint64 pay,
        bytes32 resultDigest,
        bytes32 secret
    ) external pure returns (bytes32) {
        return MessageLib.commitVerdict(oracle, leaseId, outcome, pay, resultDigest, secret);
    }

    /// @notice EIP-712 struct hash of a receipt.
    function hashReceipt(IEscrow.Receipt calldata receipt) external pure returns (bytes32) {
        return MessageLib.hashReceipt(receipt);
    }

    /// @notice EIP-712 struct hash of a cancel.
    function hashCancel(IEscrow.Cancel calldata message) external pure returns (bytes32) {
        return MessageLib.hashCancel(message);
    }
}
