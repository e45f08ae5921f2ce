// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IEscrow} from "./IEscrow.sol";

/// @title IEscrowClaims
/// @notice What a provider and a renter can do when the oracles are silent: the provider claims, the renter may dispute
/// with a bond, and time decides what nobody else does. A claimed lease leaves its group; whoever calls about it hands in
/// its two words of terms, as {IEscrow-LeaseClaimed} has them.
interface IEscrowClaims {
    /// @notice Claims `pay` for a result, before the lease's deadline.
    /// @dev Emits {IEscrow-LeaseClaimed}. Requirements: `terms` chooses one open lease; the program ended by itself;
    /// 0 < pay <= locked; the caller is the provider; or it is an agent that the provider delegated, and `agent`, the
    /// provider or another such, signed the attestation.
    function claim(
        address market,
        IEscrow.GroupTerms calldata terms,
        uint64 pay,
        IEscrow.Attestation calldata attestation,
        address agent,
        bytes calldata signature
    ) external;

    /// @notice Pays a claim that nobody disputed. Anyone may call once the window is over, the renter at once.
    /// @dev Emits {IEscrow-LeaseClosed}.
    function release(IEscrow.ClaimedLease calldata lease) external;

    /// @notice Contradicts a claim within its window, with a bond of DISPUTE_BOND_BPS of the claimed pay out of the
    /// renter's free balance: the provider's if the oracles find that it is due all that it claimed.
    /// @dev Emits {IEscrow-LeaseDisputed}. Only the renter.
    function dispute(IEscrow.ClaimedLease calldata lease) external;

    /// @notice Closes claimed or disputed leases as the oracles decided. Anyone may call.
    /// @dev Emits {IEscrow-LeaseClosed} for each, {IEscrow-BondReturned} for disputed ones, then {IEscrow-ClaimsSettled}.
    /// The same message and rules as {IEscrowSettlement-settle}.
    function settleClaims(
        IEscrow.ClaimedLease[] calldata leases,
        uint256[] calldata outcomes,
        bytes32[] calldata resultDigests,
        IEscrow.Quorum calldata quorum,
        bytes32[] calldata signatures
    ) external;

    /// @notice Ends a dispute that the oracles have not decided in time: the lock and the bond go back to the renter, the
    /// cover is the provider's again, nobody is blamed. Anyone may call.
    /// @dev Emits {IEscrow-BondReturned} and {IEscrow-LeaseClosed} with outcome None.
    function expireDispute(IEscrow.ClaimedLease calldata lease) external;

    /// @notice The claim on a lease; state None if there never was one.
    function claimOf(bytes32 leaseId) external view returns (IEscrow.Claim memory);
}
