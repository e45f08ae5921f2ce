// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title IReputation
/// @notice What became of a provider's leases: counters that only the escrow writes and every dApp can read.
interface IReputation {
    /// @notice What to count.
    enum Entry {
        Settled,
        Failed,
        Expired,
        Slashed
    }

    /// @param settled Leases paid.
    /// @param failed Leases whose job produced no result, through nobody's fault.
    /// @param expired Leases that missed their deadline: strikes.
    /// @param slashed Leases with a false result.
    /// @param volume Gross pay of all settled leases, micro-USDC.
    /// @param since First entry, unix seconds.
    struct Record {
        uint32 settled;
        uint32 failed;
        uint32 expired;
        uint32 slashed;
        uint64 volume;
        uint64 since;
    }

    error NotRecorder(address caller);

    event Recorded(address indexed provider, Entry entry, uint64 volume);

    /// @notice Adds one entry. Only the escrow.
    /// @dev Emits {Recorded}.
    function record(address provider, Entry entry, uint64 volume) external;

    /// @notice The counters of a provider.
    function recordOf(address provider) external view returns (Record memory);
}
