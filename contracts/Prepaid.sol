// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Escrow} from "./Escrow.sol";
import {PrepaidAccounts} from "./base/PrepaidAccounts.sol";
import {PrepaidNetting} from "./base/PrepaidNetting.sol";
import {PrepaidWork} from "./base/PrepaidWork.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {IPrepaid} from "./interfaces/IPrepaid.sol";

/// @title Prepaid
/// @notice Settles finished work without a lock, job by job or in sums. {IPrepaid} is the manual; `base/` has the parts.
contract Prepaid is PrepaidWork, PrepaidNetting {
    /// @notice Governance cannot set a higher fee.
    uint16 public constant MAX_FEE_BPS = 1_000;

    constructor(Escrow escrow_, uint40 withdrawalDelay_, address owner_)
        PrepaidAccounts(escrow_, withdrawalDelay_, owner_)
    {}

    /// @inheritdoc IPrepaid
    function setFee(uint16 feeBps_) external onlyOwner {
        if (feeBps_ > MAX_FEE_BPS) revert IEscrow.FeeAboveCap(feeBps_, MAX_FEE_BPS);
        feeBps = feeBps_;
        emit IEscrow.FeeChanged(feeBps_);
    }
}
