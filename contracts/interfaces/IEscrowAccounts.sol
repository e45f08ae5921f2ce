// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IDeposits} from "./IDeposits.sol";
import {IEscrow} from "./IEscrow.sol";

/// @title IEscrowAccounts
/// @notice Money out of the escrow (in: {IDeposits}), providers' cover, delegated agents, cancelled orders.
interface IEscrowAccounts is IDeposits {
    /// @notice Moves USDC of the caller out: of its free balance first, then of what it earned. Nothing can pause this.
    /// @dev Emits {IEscrow-Withdrawn}. Requirements: 0 < amount <= free(caller).
    function withdraw(uint256 amount) external;

    /// @notice More bond behind a provider's leases.
    /// @dev Emits {IEscrow-CoverChanged}. Only {IProviderStake}, which holds the bond.
    function addCover(address provider, uint256 amount) external;

    /// @notice Less bond behind a provider's leases; never below what open leases need.
    /// @dev Emits {IEscrow-CoverChanged}. Only {IProviderStake}.
    function removeCover(address provider, uint256 amount) external;

    /// @notice Delegates to a key, or revokes: an agent may sign asks that name it, and claims, for the caller.
    /// @dev Emits {IEscrow-AgentSet}.
    function setAgent(address agent, bool allowed) external;

    /// @notice Voids orders of the caller. An open lease goes on. Whatever is void stays void.
    /// @dev Emits {IEscrow-OrdersCancelled}. A bid's salt 144 or more above the lowest live one voids what lies 144 below
    /// it, as opening such a bid does.
    function cancel(IEscrow.CancelKind kind, uint48 salt) external;

    /// @notice The same for a signer who has no gas. Anyone who holds the signature may submit it.
    /// @dev Emits {IEscrow-OrdersCancelled}.
    function cancelFor(IEscrow.Cancel calldata message, bytes calldata signature) external;

    /// @notice Money of `account` that it can withdraw now, micro-USDC: deposited, refunded or earned.
    function free(address account) external view returns (uint256);

    /// @notice A renter's account; only its `free` can be bid with.
    function renterAccount(address renter) external view returns (IEscrow.RenterAccount memory);

    /// @notice A provider's account.
    function providerAccount(address provider) external view returns (IEscrow.ProviderAccount memory);

    /// @notice Whether bids of `renter` with this salt cannot be opened (any more): opened, cancelled, or too old.
    function isVoid(address renter, uint48 salt) external view returns (bool);

    /// @notice Whether `provider` delegated to `agent`.
    function isAgent(address provider, address agent) external view returns (bool);
}
