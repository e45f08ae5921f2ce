// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title IEscrowGovernance
/// @notice All that the owner, a timelock, can do.
interface IEscrowGovernance {
    /// @notice Changes the fee of leases opened from now on.
    /// @dev Emits {IEscrow-FeeChanged}. Only the owner; at most MAX_FEE_BPS.
    function setFee(uint16 feeBps) external;

    /// @notice Changes where fees go.
    /// @dev Emits {IEscrow-TreasuryChanged}. Only the owner.
    function setTreasury(address treasury) external;

    /// @notice Stops or resumes the opening of new leases, and nothing else.
    /// @dev Emits {IEscrow-OpeningPaused}. Only the owner.
    function setOpeningPaused(bool paused) external;
}
