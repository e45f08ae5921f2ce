// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IEscrow} from "../interfaces/IEscrow.sol";

/// @title FundingLib
/// @notice What holds of every deposit, whichever way the token is moved: it is something, the accounts' 64 bits can hold
/// it, and exactly so much arrives.
library FundingLib {
    /// @notice What a contract can hold: all balances fit their 64 bits.
    uint256 internal constant MAX_HOLDINGS = type(uint64).max / 2;

    /// @notice What this contract holds before the deposit.
    function begin(IERC20 token, uint256 amount) internal view returns (uint256 before) {
        if (amount == 0) revert IEscrow.ZeroAmount();
        before = token.balanceOf(address(this));
        if (amount > MAX_HOLDINGS || before + amount > MAX_HOLDINGS) revert IEscrow.AmountTooLarge(amount, MAX_HOLDINGS);
    }

    /// @notice Reverts unless exactly `amount` has come since `begin`.
    function end(IERC20 token, uint256 before, uint256 amount) internal view {
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != amount) revert IEscrow.TransferMismatch(amount, received);
    }
}
