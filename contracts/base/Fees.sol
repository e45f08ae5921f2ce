// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IEscrow} from "../interfaces/IEscrow.sol";
import {IFees} from "../interfaces/IFees.sol";
import {IOracleCommittee} from "../interfaces/IOracleCommittee.sol";
import {FeeLib} from "../libraries/FeeLib.sol";
import {QuorumLib} from "../libraries/QuorumLib.sol";
import {Deposits} from "./Deposits.sol";

/// @notice Fees: the oracles' share and the treasury's. See {IFees}. They are paid in the token that {Deposits} brought.
abstract contract Fees is Deposits, IFees {
    using SafeERC20 for IERC20;
    using FeeLib for mapping(uint256 => uint256);

    IOracleCommittee public immutable committee;

    mapping(uint256 epoch => mapping(uint256 => uint256)) private _credits;

    constructor(IOracleCommittee committee_) {
        committee = committee_;
    }

    /// @inheritdoc IFees
    function withdrawFees(uint256 epoch) external nonReentrant {
        uint256 amount = _credits[epoch].takeTreasury();
        if (amount == 0) revert IEscrow.ZeroAmount();
        address to = _feesTo();
        emit IEscrow.FeesWithdrawn(to, epoch, amount);
        token.safeTransfer(to, amount);
    }

    /// @inheritdoc IFees
    function creditOracle(IEscrow.Quorum calldata quorum, uint256 index) external {
        bytes32 expected = committee.quorumHashOf(quorum.epoch);
        QuorumLib.requireCommittee(expected, quorum);
        uint256 amount = _credits[quorum.epoch].takeMember(index);
        if (amount == 0) revert IEscrow.ZeroAmount();
        address member = quorum.members[index];
        _creditMember(member, amount);
        emit IEscrow.OracleFeeCredited(member, quorum.epoch, amount);
    }

    /// @inheritdoc IFees
    function fees(uint256 epoch) external view returns (uint256) {
        return _credits[epoch].treasuryOf();
    }

    /// @inheritdoc IFees
    function oracleCredit(uint256 epoch, uint256 index) external view returns (uint256) {
        return _credits[epoch].memberOf(index);
    }

    /// @dev The treasury.
    function _feesTo() internal view virtual returns (address);

    /// @dev Writes what an oracle earned into its account.
    function _creditMember(address member, uint256 amount) internal virtual;

    /// @dev The whole fee of a close that needed no oracle is the treasury's.
    function _addFees(uint256 amount) internal {
        if (amount != 0) _credits[0].addTreasury(amount);
    }

    function _shareFees(uint256 amount, IEscrow.Quorum calldata quorum) internal {
        if (amount != 0) _credits[quorum.epoch].share(amount, quorum.signers);
    }
}
