// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IEscrow} from "../interfaces/IEscrow.sol";
import {WordListLib} from "./WordListLib.sol";

/// @title MessageLib
/// @notice EIP-712 struct hashes of what is signed besides orders ({OrderLib}). `marketplace/protocol/messages.py` declares
/// the same messages; a test holds both equal.
library MessageLib {
    using WordListLib for bytes32[];

    bytes32 internal constant ATTESTATION_TYPEHASH = keccak256(
        "Attestation(bytes32 leaseId,bytes32 jobDigest,bytes32 resultDigest,uint64 fuel,uint32 wallSeconds,uint64 egressBytes,uint8 exitKind,int32 exitCode,bytes32 sandboxDigest,uint64 startedAt,uint64 finishedAt)"
    );
    bytes32 internal constant VERDICT_BATCH_TYPEHASH =
        keccak256("VerdictBatch(bytes32[] leaseIds,uint256[] outcomes,bytes32[] resultDigests)");
    bytes32 internal constant VERDICT_SEAL_TYPEHASH = keccak256("VerdictSeal(bytes32 leaseId,bytes32 commitment)");
    bytes32 internal constant RECEIPT_TYPEHASH =
        keccak256("Receipt(bytes32 leaseId,uint64 pay,bytes32 resultDigest)");
    bytes32 internal constant CANCEL_TYPEHASH = keccak256("Cancel(address signer,uint8 kind,uint48 salt)");

    // Every struct here has only static members, so `abi.encode` of the struct is the EIP-712 encoding of its fields.

    function hashAttestation(IEscrow.Attestation calldata attestation) internal pure returns (bytes32) {
        return keccak256(abi.encode(ATTESTATION_TYPEHASH, attestation));
    }

    /// @param outcomes Three a word of 80 bits each from the lowest: gross pay 64, outcome 8.
    function hashVerdictBatch(
        bytes32[] memory leaseIds,
        uint256[] calldata outcomes,
        bytes32[] calldata resultDigests
    ) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                VERDICT_BATCH_TYPEHASH,
                leaseIds.hash(),
                keccak256(abi.encodePacked(outcomes)),
                keccak256(abi.encodePacked(resultDigests))
            )
        );
    }

    function hashVerdictSeal(bytes32 leaseId, bytes32 commitment) internal pure returns (bytes32) {
        return keccak256(abi.encode(VERDICT_SEAL_TYPEHASH, leaseId, commitment));
    }

    /// @notice What an oracle seals before it shows its verdict: `secret` keeps it from being guessed, nothing else opens it.
    function commitVerdict(
        address oracle,
        bytes32 leaseId,
        uint8 outcome,
        uint64 pay,
        bytes32 resultDigest,
        bytes32 secret
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(leaseId, oracle, outcome, pay, resultDigest, secret));
    }

    function hashReceipt(IEscrow.Receipt calldata receipt) internal pure returns (bytes32) {
        return keccak256(abi.encode(RECEIPT_TYPEHASH, receipt));
    }

    function hashCancel(IEscrow.Cancel calldata message) internal pure returns (bytes32) {
        return keccak256(abi.encode(CANCEL_TYPEHASH, message));
    }
}
