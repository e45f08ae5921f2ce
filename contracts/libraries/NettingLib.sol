// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IPrepaid} from "../interfaces/IPrepaid.sol";

/// @title NettingLib
/// @notice EIP-712 struct hashes of what is signed for netted settlement. `marketplace/protocol/prepaid.py` declares the
/// same messages; a test holds both equal.
library NettingLib {
    bytes32 internal constant ALLOWANCE_TYPEHASH =
        keccak256("NettedAllowance(address renter,uint64 cap,uint40 validUntil,uint48 salt)");
    bytes32 internal constant BATCH_TYPEHASH = keccak256(
        "NettedBatch(address market,uint256 number,bytes32 jobsRoot,bytes32 dataDigest,uint256[] debits,uint256[] credits)"
    );

    /// @dev Static members only: `abi.encode` of the struct is the EIP-712 encoding of its fields.
    function hashAllowance(IPrepaid.NettedAllowance calldata allowance) internal pure returns (bytes32) {
        return keccak256(abi.encode(ALLOWANCE_TYPEHASH, allowance));
    }

    function hashBatch(IPrepaid.NettedBatch calldata batch) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                BATCH_TYPEHASH,
                batch.market,
                batch.number,
                batch.jobsRoot,
                batch.dataDigest,
                keccak256(abi.encodePacked(batch.debits)),
                keccak256(abi.encodePacked(batch.credits))
            )
        );
    }
}
