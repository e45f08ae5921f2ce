// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IEscrow} from "./IEscrow.sol";

/// @title IFees
/// @notice Where fees go: a fifth to the oracles that signed the batch, in equal parts, the rest to the treasury; of leases
/// that no oracle had to judge, all to the treasury (epoch 0).
interface IFees {
    /// @notice Sends the treasury's fees of an epoch of the committee to the escrow's treasury. Anyone may call.
    /// @dev Emits {IEscrow-FeesWithdrawn}.
    function withdrawFees(uint256 epoch) external;

    /// @notice Moves what a member of an epoch's committee earned into its account: its free balance in
    /// the escrow, its earnings in the prepaid balances. Anyone may call.
    /// @dev Emits {IEscrow-OracleFeeCredited}.
    function creditOracle(IEscrow.Quorum calldata quorum, uint256 index) external;

    /// @notice The treasury's fees of an epoch not sent yet, micro-USDC.
    function fees(uint256 epoch) external view returns (uint256);

    /// @notice What the `index`-th member of an epoch's committee has not fetched yet, micro-USDC.
    function oracleCredit(uint256 epoch, uint256 index) external view returns (uint256);
}
