// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title IProviderStake
/// @notice Providers' bonds: stake, unbond with a delay, slash. `active >= locked` at every moment, so that the
/// penalties of open leases are covered whatever a provider does.
interface IProviderStake {
    /// @notice A provider's bond, micro-USDC.
    /// @param active Counts as cover, can be slashed.
    /// @param locked The part of `active` that open leases need.
    /// @param unbonding On its way out; covers nothing, cannot be slashed.
    /// @param withdrawableAt When `unbonding` can be withdrawn, unix seconds.
    struct Bond {
        uint128 active;
        uint128 locked;
        uint128 unbonding;
        uint64 withdrawableAt;
    }

    error StakeZeroAmount();
    error NotEscrow(address caller);
    error InsufficientStake(address provider, uint256 available, uint256 needed);
    error NothingUnbonding(address provider);
    error StillUnbonding(uint64 withdrawableAt, uint256 timestamp);
    error StakeTransferMismatch(uint256 expected, uint256 received);

    event Staked(address indexed provider, uint256 amount);
    event Unbonding(address indexed provider, uint256 amount, uint64 withdrawableAt);
    event StakeWithdrawn(address indexed provider, uint256 amount);
    event StakeLocked(address indexed provider, uint256 amount);
    event StakeReleased(address indexed provider, uint256 amount);
    event Slashed(address indexed provider, uint256 amount, bytes32 indexed leaseId);

    /// @notice Moves USDC of the caller, who has approved it, into the caller's active stake.
    /// @dev Emits {Staked}. Requirements: amount > 0; the token delivers exactly `amount`.
    function stake(uint256 amount) external;

    /// @notice Takes `amount` out of the active stake and starts the delay; a second call adds and restarts it.
    /// @dev Emits {Unbonding}. Requirements: 0 < amount <= active - locked.
    function unbond(uint256 amount) external;

    /// @notice Pays out what has finished unbonding.
    /// @dev Emits {StakeWithdrawn}. Requirements: something is unbonding and the delay is over.
    function withdraw() external;

    /// @notice Reserves cover for a lease's penalty. Only the escrow.
    /// @dev Emits {StakeLocked}. Requirements: amount <= active - locked.
    function lock(address provider, uint256 amount) external;

    /// @notice Frees the cover of a closed lease. Only the escrow.
    /// @dev Emits {StakeReleased}.
    function release(address provider, uint256 amount) external;

    /// @notice Takes a lease's cover from the provider and sends it to the escrow, which credits the renter. Only the escrow.
    /// @dev Emits {Slashed}.
    function slash(address provider, uint256 amount, bytes32 leaseId) external;

    /// @notice The bond of a provider.
    function bond(address provider) external view returns (Bond memory);
}
