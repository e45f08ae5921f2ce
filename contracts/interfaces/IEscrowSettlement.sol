// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IEscrow} from "./IEscrow.sol";

/// @title IEscrowSettlement
/// @notice How leases end: by the oracles' verdicts, the renter's receipt, or the deadline.
interface IEscrowSettlement {
    /// @notice Closes leases as the oracles decided: pays, takes the fee, refunds, counts, slashes fraud. Anyone may call.
    /// @dev Emits {IEscrow-LeasesSettled}, and {IEscrow-Slashed} for each fraud. The oracles sign the EIP-712 message
    /// `VerdictBatch(bytes32[] leaseIds,uint256[] outcomes,bytes32[] resultDigests)`, its leases in the order of `groups`
    /// and of their bits. A verdict on a lease that is not open any more, or that cannot be (more than the lock, pay
    /// without result, an unknown outcome), counts for nothing and does not disturb the others.
    ///
    /// Reverts if nothing was closed, the terms of a group are not those it was opened with, or k members of the current
    /// committee have not signed.
    /// @param groups The groups' terms; `chosen` has the leases that the verdicts are about.
    /// @param outcomes Three a word of 80 bits each from the lowest: gross pay 64, outcome 8.
    /// @param resultDigests One a verdict.
    /// @param signatures EIP-2098, two words each, by ascending index of the member.
    function settle(
        address market,
        IEscrow.GroupTerms[] calldata groups,
        uint256[] calldata outcomes,
        bytes32[] calldata resultDigests,
        IEscrow.Quorum calldata quorum,
        bytes32[] calldata signatures
    ) external;

    /// @notice Closes a lease as paid, as its renter signed. Anyone may submit a receipt for all that is locked, only
    /// the provider one for less: a renter alone cannot take back what a live lease has locked.
    /// @dev Emits {IEscrow-LeaseClosed}. Requirements: `terms` chooses one open lease; its renter signed; pay == locked,
    /// or pay < locked and the caller is the provider.
    function accept(
        address market,
        IEscrow.GroupTerms calldata terms,
        IEscrow.Receipt calldata receipt,
        bytes calldata signature
    ) external;

    /// @notice Returns the money of open leases whose deadline has passed. Anyone may call; nothing can pause this.
    /// @dev Emits {IEscrow-LeaseClosed} for each and counts it as expired. Leases closed already are passed over; reverts
    /// if one's deadline has not passed or nothing was closed.
    function refund(address market, IEscrow.GroupTerms[] calldata groups) external;
}
