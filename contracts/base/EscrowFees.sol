// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IOracleCommittee} from "../interfaces/IOracleCommittee.sol";
import {EscrowAccounts} from "./EscrowAccounts.sol";
import {Fees} from "./Fees.sol";

/// @notice Where the escrow's fees go. See {IFees}.
abstract contract EscrowFees is Fees, EscrowAccounts {
    address public treasury;

    constructor(IOracleCommittee committee_, address treasury_) Fees(committee_) {
        _setTreasury(treasury_);
    }

    function _setTreasury(address treasury_) internal {
        if (treasury_ == address(0)) revert ZeroAddress();
        treasury = treasury_;
        emit TreasuryChanged(treasury_);
    }

    function _feesTo() internal view override returns (address) {
        return treasury;
    }

    function _creditMember(address member, uint256 amount) internal override {
        _renters[member].word += amount;
    }
}
