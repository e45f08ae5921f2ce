// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IEscrowFees} from "../interfaces/IEscrowFees.sol";
import {IOracleCommittee} from "../interfaces/IOracleCommittee.sol";
import {FeeLib} from "../libraries/FeeLib.sol";
import {QuorumLib} from "../libraries/QuorumLib.sol";
import {EscrowAccounts} from "./EscrowAccounts.sol";

/// @notice Fees: the oracles' share and the treasury's. See {IEscrowFees}.
abstract contract EscrowFees is IEscrowFees, EscrowAccounts {
    using SafeERC20 for IERC20;
    using FeeLib for mapping(uint256 => uint256);

    IOracleCommittee public immutable committee;
    address public treasury;

    mapping(uint256 epoch => mapping(uint256 => uint256)) private _credits;

    constructor(IOracleCommittee committee_, address treasury_) {
        committee = committee_;
        _setTreasury(treasury_);
    }

    /// @inheritdoc IEscrowFees
    function withdrawFees(uint256 epoch) external nonReentrant {
        uint256 amount = _credits[epoch].takeTreasury();
        if (amount == 0) revert ZeroAmount();
        emit FeesWithdrawn(treasury, epoch, amount);
        token.safeTransfer(treasury, amount);
    }

    /// @inheritdoc IEscrowFees
    function creditOracle(Quorum calldata quorum, uint256 index) external {
        bytes32 expected = committee.quorumHashOf(quorum.epoch);
        QuorumLib.requireCommittee(expected, quorum);
        uint256 amount = _credits[quorum.epoch].takeMember(index);
        if (amount == 0) revert ZeroAmount();
        address member = quorum.members[index];
        _renters[member].word += amount;
        emit OracleFeeCredited(member, quorum.epoch, amount);
    }

    /// @inheritdoc IEscrowFees
    function fees(uint256 epoch) external view returns (uint256) {
        return _credits[epoch].treasuryOf();
    }

    /// @inheritdoc IEscrowFees
    function oracleCredit(uint256 epoch, uint256 index) external view returns (uint256) {
        return _credits[epoch].memberOf(index);
    }

    /// @dev The whole fee of a close that needed no oracle is the treasury's.
    function _addFees(uint256 amount) internal {
        if (amount != 0) _credits[0].addTreasury(amount);
    }

    function _shareFees(uint256 amount, Quorum calldata quorum) internal {
        if (amount != 0) _credits[quorum.epoch].share(amount, quorum.signers);
    }

    function _setTreasury(address treasury_) internal {
        if (treasury_ == address(0)) revert ZeroAddress();
        treasury = treasury_;
        emit TreasuryChanged(treasury_);
    }
}
