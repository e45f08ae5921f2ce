// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {EscrowAccounts} from "./base/EscrowAccounts.sol";
import {EscrowClaims} from "./base/EscrowClaims.sol";
import {EscrowFees} from "./base/EscrowFees.sol";
import {IEscrowGovernance} from "./interfaces/IEscrowGovernance.sol";
import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";

/// @title Escrow
/// @notice Holds renters' USDC; opens, settles and refunds leases. {IEscrow} is the manual; `base/` has the parts.
contract Escrow is IEscrowGovernance, EscrowClaims {
    /// @notice Governance cannot set a higher fee.
    uint16 public constant MAX_FEE_BPS = 1_000;

    constructor(
        IERC20 token_,
        address stake_,
        IOracleCommittee committee_,
        address treasury_,
        address owner_,
        uint40 claimWindow_,
        uint40 disputeWindow_
    )
        EscrowAccounts(token_, stake_, owner_)
        EscrowFees(committee_, treasury_)
        EscrowClaims(claimWindow_, disputeWindow_)
    {
        // With the treasury's, so that events alone tell everything from the first block on.
        emit FeeChanged(feeBps);
    }

    /// @inheritdoc IEscrowGovernance
    function setFee(uint16 feeBps_) external onlyOwner {
        if (feeBps_ > MAX_FEE_BPS) revert FeeAboveCap(feeBps_, MAX_FEE_BPS);
        feeBps = feeBps_;
        emit FeeChanged(feeBps_);
    }

    /// @inheritdoc IEscrowGovernance
    function setTreasury(address treasury_) external onlyOwner {
        _setTreasury(treasury_);
    }

    /// @inheritdoc IEscrowGovernance
    function setOpeningPaused(bool paused) external onlyOwner {
        openingPaused = paused;
        emit OpeningPaused(paused);
    }

    // ---------------------------------------------------------------------------------------------------- views

    /// @notice EIP-712 domain separator on this chain.
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    /// @notice The 32 bytes that are signed for a struct hash on this chain and for this contract.
    function digestOf(bytes32 structHash) external view returns (bytes32) {
        return _hashTypedDataV4(structHash);
    }
}
