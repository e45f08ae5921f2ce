// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title WordListLib
/// @notice Lists of words that are hashed in the memory they lie in; `abi.encodePacked` copies them word by word before.
library WordListLib {
    /// @notice `keccak256` of the words, one after another.
    function hash(bytes32[] memory words) internal pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            digest := keccak256(add(words, 0x20), shl(5, mload(words)))
        }
    }
}
