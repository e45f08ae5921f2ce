// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title IProviderStake
/// @notice Providers' bonds: stake, unbond with a delay, slash. What of a bond is active, and how much of it open leases
/// need, stands in the escrow ({IEscrow-ProviderAccount}: cover and covered), so that opening a lease touches one word;
/// this contract holds the USDC.
interface IProviderStake {
    /// @notice A provider's bond, micro-USDC.
    /// @param active Counts as cover, can be slashed.
    /// @param locked The part of `active` that open leases need.
    /// @param unbonding On its way out; covers nothing, cannot be slashed.
    /// @param withdrawableAt When `unbonding` can be withdrawn, unix seconds.
    /// @param since First stake, unix seconds.
    struct Bond {
        uint64 active;
        uint64 locked;
        uint64 unbonding;
        uint40 withdrawableAt;
        uint40 since;
    }

    error StakeZeroAmount();
    error NotEscrow(address caller);
    error NothingUnbonding(address provider);
    error StillUnbonding(uint64 withdrawableAt, uint256 timestamp);
    error StakeTransferMismatch(uint256 expected, uint256 received);

    event Staked(address indexed provider, uint256 amount);
    event Unbonding(address indexed provider, uint256 amount, uint64 withdrawableAt);
    event StakeWithdrawn(address indexed provider, uint256 amount);
    /// @notice Penalties went to the escrow; its own events say whose they were.
    event PenaltiesSent(uint256 amount);

    /// @notice Moves USDC of the caller, who has approved it, into the caller's active stake.
    /// @dev Emits {Staked}. Requirements: amount > 0; the token delivers exactly `amount`.
    function stake(uint256 amount) external;

    /// @notice Takes `amount` out of the active stake and starts the delay; a second call adds and restarts it.
    /// @dev Emits {Unbonding}. Requirements: 0 < amount <= active - locked.
    function unbond(uint256 amount) external;

    /// @notice Pays out what has finished unbonding.
    /// @dev Emits {StakeWithdrawn}. Requirements: something is unbonding and the delay is over.
    function withdraw() external;

    /// @notice Sends penalties to the escrow, which has taken them from their providers' cover and credits the renters.
    /// Only the escrow.
    /// @dev Emits {PenaltiesSent}.
    function slash(uint256 amount) external;

    /// @notice The bond of a provider.
    function bond(address provider) external view returns (Bond memory);
}
