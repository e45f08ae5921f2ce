// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IEscrow} from "./IEscrow.sol";

/// @title IEscrowLeases
/// @notice Opening leases.
interface IEscrowLeases {
    /// @notice Locks money and opens a lease for each match that can be opened; the others are skipped, so that no party
    /// can block a batch by what it does between the market's look and the transaction.
    /// @dev Emits {IEscrow-LeasesOpened} for each group of up to 32 leases, numbered from `firstGroup`, and
    /// {IEscrow-MatchSkipped} for each match left out. The caller is the market of all orders. Replicas of a bid stand next
    /// to each other by ascending provider: what is not opened of them in this call cannot be opened later. Matches of one
    /// ask are cheapest next to each other.
    ///
    /// Reverts if opening is paused, there is nothing in the batch, nothing of it could be opened, or a group of one of
    /// these numbers still has open leases. A match is opened if: the ask is not expired or cancelled and its provider or
    /// the delegated agent it names signed it; quote <= price <= maxPrice; the bid is not expired, its deadline ahead, its
    /// salt not used, its settlement escrowed, its renter's signature good; the provider's cover and units allow one more
    /// lease; the renter's free balance holds the price.
    /// @param renters The bids' renters; bids and asks name each other and them by index.
    /// @param signatures Of ERC-1271 accounts, wherever an order's `vs` is 0.
    function open(
        bytes32 roundDigest,
        uint256 firstGroup,
        address[] calldata renters,
        IEscrow.SignedAsk[] calldata asks,
        IEscrow.SignedBid[] calldata bids,
        bytes[] calldata signatures
    ) external;

    /// @notice A group as stored: 224 bits of its commitment, then a bit for each open lease; 0 if there never was one.
    function groupWord(address market, uint256 group) external view returns (uint256);

    /// @notice Fee of leases opened from now on, bps.
    function feeBps() external view returns (uint16);

    /// @notice Whether no leases can be opened now.
    function openingPaused() external view returns (bool);
}
