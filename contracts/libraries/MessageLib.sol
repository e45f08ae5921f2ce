// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IEscrow} from "../interfaces/IEscrow.sol";

/// @title MessageLib
/// @notice EIP-712 struct hashes of everything that is signed. `marketplace/protocol/messages.py` declares the same
/// messages; a test holds both equal.
library MessageLib {
    bytes32 internal constant ASK_TYPEHASH = keccak256(
        "Ask(address provider,address market,address agent,bytes32 profileDigest,uint64 gpuHourRate,uint64 vcpuHourRate,uint64 gbHourRate,uint64 gfuelRate,uint64 egressGbRate,uint64 minimumCharge,uint32 units,uint64 validUntil,uint256 salt)"
    );
    bytes32 internal constant BID_TYPEHASH = keccak256(
        "Bid(address renter,address market,bytes32 jobDigest,uint16 gpus,uint16 vcpus,uint32 memoryMb,uint32 durationSeconds,uint64 fuel,uint32 egressMb,uint64 maxPrice,uint8 replicas,uint8 verification,uint64 deadline,uint64 validUntil,uint256 salt)"
    );
    bytes32 internal constant ATTESTATION_TYPEHASH = keccak256(
        "Attestation(bytes32 leaseId,bytes32 jobDigest,bytes32 resultDigest,uint64 fuel,uint32 wallSeconds,uint64 egressBytes,uint8 exitKind,int32 exitCode,bytes32 sandboxDigest,uint64 startedAt,uint64 finishedAt)"
    );
    bytes32 internal constant VERDICT_TYPEHASH =
        keccak256("Verdict(bytes32 leaseId,uint8 outcome,uint64 pay,bytes32 resultDigest)");
    bytes32 internal constant VERDICT_BATCH_TYPEHASH = keccak256(
        "VerdictBatch(Verdict[] verdicts)Verdict(bytes32 leaseId,uint8 outcome,uint64 pay,bytes32 resultDigest)"
    );
    bytes32 internal constant RECEIPT_TYPEHASH =
        keccak256("Receipt(bytes32 leaseId,uint64 pay,bytes32 resultDigest)");
    bytes32 internal constant CANCEL_TYPEHASH = keccak256("Cancel(address signer,uint256 salt,bool allBefore)");

    // Every struct here has only static members, so `abi.encode` of the struct is the EIP-712 encoding of its fields.

    function hashAsk(IEscrow.Ask calldata ask) internal pure returns (bytes32) {
        return keccak256(abi.encode(ASK_TYPEHASH, ask));
    }

    function hashBid(IEscrow.Bid calldata bid) internal pure returns (bytes32) {
        return keccak256(abi.encode(BID_TYPEHASH, bid));
    }

    function hashAttestation(IEscrow.Attestation calldata attestation) internal pure returns (bytes32) {
        return keccak256(abi.encode(ATTESTATION_TYPEHASH, attestation));
    }

    function hashVerdict(IEscrow.Verdict calldata verdict) internal pure returns (bytes32) {
        return keccak256(abi.encode(VERDICT_TYPEHASH, verdict));
    }

    function hashVerdictBatch(IEscrow.Verdict[] calldata verdicts) internal pure returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](verdicts.length);
        for (uint256 i = 0; i < verdicts.length; ++i) {
            hashes[i] = hashVerdict(verdicts[i]);
        }
        return keccak256(abi.encode(VERDICT_BATCH_TYPEHASH, keccak256(abi.encodePacked(hashes))));
    }

    function hashReceipt(IEscrow.Receipt calldata receipt) internal pure returns (bytes32) {
        return keccak256(abi.encode(RECEIPT_TYPEHASH, receipt));
    }

    function hashCancel(IEscrow.Cancel calldata message) internal pure returns (bytes32) {
        return keccak256(abi.encode(CANCEL_TYPEHASH, message));
    }
}
