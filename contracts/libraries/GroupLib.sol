// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IEscrow} from "../interfaces/IEscrow.sol";

/// @title GroupLib
/// @notice The leases of a group while they are being opened, in one buffer that is hashed and told in an event where it
/// lies: `abi.encode` would copy each of its words twice, which costs 2.5% of a lease's whole life.
/// @dev Words of the buffer: leases in it, leases it was made for, then the data of {IEscrow-LeasesOpened} as
/// `abi.encode(bytes32[] bidHashes, uint256[] terms)` has it: two offsets, a length and the hashes, a length and the terms.
library GroupLib {
    type Buffer is uint256;

    /// @notice An empty buffer with room for `room` leases.
    function create(uint256 room) internal pure returns (Buffer buffer) {
        assembly ("memory-safe") {
            buffer := mload(0x40)
            mstore(0x40, add(buffer, add(0xc0, mul(room, 0x60))))
        }
        reset(buffer, room);
    }

    /// @notice Empties the buffer and makes it one for `room` leases, not more than it was created for.
    function reset(Buffer buffer, uint256 room) internal pure {
        assembly ("memory-safe") {
            mstore(buffer, 0)
            mstore(add(buffer, 0x20), room)
        }
    }

    function count(Buffer buffer) internal pure returns (uint256 leases) {
        assembly ("memory-safe") {
            leases := mload(buffer)
        }
    }

    /// @notice One lease more. The caller sees to it that there is room.
    function push(Buffer buffer, bytes32 bidHash, uint256 first, uint256 second) internal pure {
        assembly ("memory-safe") {
            let leases := mload(buffer)
            mstore(add(buffer, add(0xa0, shl(5, leases))), bidHash)
            let terms := add(buffer, add(0xc0, shl(5, add(mload(add(buffer, 0x20)), shl(1, leases)))))
            mstore(terms, first)
            mstore(add(terms, 0x20), second)
            mstore(buffer, add(leases, 1))
        }
    }

    /// @notice The commitment to the leases: `keccak256(keccak256(bidHashes), keccak256(terms))`, arrays as their words.
    /// Makes the buffer ready for {tell}.
    function commit(Buffer buffer) internal pure returns (bytes32 commitment) {
        assembly ("memory-safe") {
            let leases := mload(buffer)
            let room := mload(add(buffer, 0x20))
            let hashes := add(buffer, 0xa0)
            let terms := add(hashes, add(shl(5, leases), 0x20))
            if lt(leases, room) {
                // Matches were left out: the terms move down to where the hashes end.
                let gap := shl(5, sub(room, leases))
                for { let end := add(terms, shl(6, leases)) let at := terms } lt(at, end) { at := add(at, 0x20) } {
                    mstore(at, mload(add(at, gap)))
                }
                mstore(add(buffer, 0x20), leases)
            }
            mstore(add(buffer, 0x40), 0x40)
            mstore(add(buffer, 0x60), add(0x60, shl(5, leases)))
            mstore(add(buffer, 0x80), leases)
            mstore(sub(terms, 0x20), shl(1, leases))
            mstore(0x00, keccak256(hashes, shl(5, leases)))
            mstore(0x20, keccak256(terms, shl(6, leases)))
            commitment := keccak256(0x00, 0x40)
        }
    }

    /// @notice Emits {IEscrow-LeasesOpened} of the committed leases.
    function tell(Buffer buffer, address market, uint256 group, bytes32 roundDigest) internal {
        bytes32 topic = IEscrow.LeasesOpened.selector;
        assembly ("memory-safe") {
            log4(add(buffer, 0x40), add(0x80, mul(mload(buffer), 0x60)), topic, market, group, roundDigest)
        }
    }
}
