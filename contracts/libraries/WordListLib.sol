// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title WordListLib
/// @notice Lists of hashes, written and hashed where they lie. `abi.encode` would take new memory for each pair of words,
/// `abi.encodePacked` copy the list word by word: 2.5% of a job's gas.
library WordListLib {
    /// @notice Sets the `i`-th word to `keccak256(abi.encode(a, b))`. That it is in the list is for the caller to know.
    function setPair(bytes32[] memory words, uint256 i, bytes32 a, bytes32 b) internal pure {
        assembly ("memory-safe") {
            mstore(0x00, a)
            mstore(0x20, b)
            mstore(add(add(words, 0x20), shl(5, i)), keccak256(0x00, 0x40))
        }
    }

    /// @notice `keccak256` of the words, one after another.
    function hash(bytes32[] memory words) internal pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            digest := keccak256(add(words, 0x20), shl(5, mload(words)))
        }
    }
}
