// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title IReputation
/// @notice What became of a provider's leases: counters that only the escrow writes and every dApp can read.
interface IReputation {
    /// @param settled Leases paid.
    /// @param failed Leases whose job produced no result, through nobody's fault.
    /// @param expired Leases that missed their deadline: strikes.
    /// @param slashed Leases with a false result.
    /// @param volume Pay of all settled leases, net of fees, micro-USDC.
    /// @param since First stake, unix seconds.
    struct Record {
        uint32 settled;
        uint32 failed;
        uint32 expired;
        uint32 slashed;
        uint64 volume;
        uint64 since;
    }

    /// @notice The counters of a provider. They stop at 16,777,215 settled, 4,095 failed, 4,095 expired, 255 slashed.
    function recordOf(address provider) external view returns (Record memory);
}
