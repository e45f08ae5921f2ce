// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IReputation} from "./interfaces/IReputation.sol";

/// @title Reputation
/// @notice Counters of what became of leases. See {IReputation}.
contract Reputation is IReputation {
    /// @notice The only contract that may record.
    address public immutable escrow;

    mapping(address provider => Record) private _records;

    constructor(address escrow_) {
        escrow = escrow_;
    }

    /// @inheritdoc IReputation
    function record(address provider, Entry entry, uint64 volume) external {
        if (msg.sender != escrow) revert NotRecorder(msg.sender);
        Record storage own = _records[provider];
        if (own.since == 0) own.since = uint64(block.timestamp);
        if (entry == Entry.Settled) ++own.settled;
        else if (entry == Entry.Failed) ++own.failed;
        else if (entry == Entry.Expired) ++own.expired;
        else ++own.slashed;
        own.volume = _addCapped(own.volume, volume);
        emit Recorded(provider, entry, volume);
    }

    /// @inheritdoc IReputation
    function recordOf(address provider) external view returns (Record memory) {
        return _records[provider];
    }

    /// @dev A counter must never block a settlement, however large the sums.
    function _addCapped(uint64 a, uint64 b) private pure returns (uint64) {
        return b > type(uint64).max - a ? type(uint64).max : a + b;
    }
}
