// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IEscrow} from "../interfaces/IEscrow.sol";
import {IPrepaid} from "../interfaces/IPrepaid.sol";
import {RenterLib, StoredWord} from "../libraries/AccountLib.sol";
import {EarningLib} from "../libraries/EarningLib.sol";
import {NettingLib} from "../libraries/NettingLib.sol";
import {PrepaidAccounts} from "./PrepaidAccounts.sol";

/// @notice Sums over many jobs, within allowances. See {IPrepaid-settleNetted}.
abstract contract PrepaidNetting is PrepaidAccounts {
    using RenterLib for uint256;
    using EarningLib for uint256;

    /// @inheritdoc IPrepaid
    mapping(address market => uint256) public nettedBatches;
    mapping(address renter => Allowance) private _allowances;

    // ----------------------------------------------------------------------------------------------- allowances

    /// @inheritdoc IPrepaid
    function allow(NettedAllowance calldata allowance, bytes calldata signature) external {
        address renter = allowance.renter;
        Allowance storage own = _allowances[renter];
        if (allowance.salt <= own.salt) revert AllowanceSaltUsed(renter, own.salt);
        // What runs covers work that is under way: it is not lowered at once.
        bool lowered = allowance.cap < own.cap || allowance.validUntil < own.validUntil;
        if (lowered && block.timestamp <= own.validUntil) revert AllowanceLowered(renter, own.cap, own.validUntil);
        _requireSigned(renter, _hashTypedDataV4(NettingLib.hashAllowance(allowance)), signature);
        _setAllowance(renter, Allowance(allowance.cap, own.spent, allowance.validUntil, allowance.salt));
    }

    /// @inheritdoc IPrepaid
    function revokeAllowance(uint48 salt) external {
        Allowance memory own = _allowances[msg.sender];
        uint40 end = uint40(block.timestamp) + withdrawalDelay;
        if (end < own.validUntil) own.validUntil = end;
        if (salt > own.salt) own.salt = salt;
        _setAllowance(msg.sender, own);
    }

    /// @inheritdoc IPrepaid
    function allowanceOf(address renter) external view returns (Allowance memory) {
        return _allowances[renter];
    }

    // -------------------------------------------------------------------------------------------------- batches

    /// @inheritdoc IPrepaid
    function settleNetted(NettedBatch calldata batch, IEscrow.Quorum calldata quorum, bytes32[] calldata signatures)
        external
    {
        if (batch.debits.length == 0) revert IEscrow.EmptyBatch();
        uint256 number = ++nettedBatches[batch.market];
        if (batch.number != number) revert WrongBatchNumber(number, batch.number);
        (uint256 debited, uint256 debitedJobs) = _debit(batch.debits);
        (uint256 credited, uint256 creditedJobs) = _credit(batch.credits);
        if (debitedJobs != creditedJobs) revert JobsDiffer(debitedJobs, creditedJobs);
        uint256 largestFee = debited * feeBps / BPS;
        if (credited > debited || debited - credited > largestFee) revert SumsDiffer(debited, credited, largestFee);
        _requireQuorum(_hashTypedDataV4(NettingLib.hashBatch(batch)), quorum, signatures);
        _shareFees(debited - credited, quorum);
        emit NettedSettled(
            batch.market,
            number,
            quorum.epoch,
            quorum.signers,
            batch.jobsRoot,
            batch.dataDigest,
            batch.debits,
            batch.credits
        );
    }

    // ------------------------------------------------------------------------------------------------ internals

    function _debit(uint256[] calldata debits) private returns (uint256 sum, uint256 jobs) {
        unchecked {
            for (uint256 i = 0; i < debits.length; ++i) {
                uint256 debit = debits[i];
                address renter = address(uint160(debit));
                uint256 amount = uint64(debit >> 160);
                Allowance storage own = _allowances[renter];
                uint256 spent = own.spent + amount;
                uint256 available = block.timestamp > own.validUntil ? 0 : own.cap;
                if (spent > available) revert AllowanceExceeded(renter, available, spent);
                own.spent = uint64(spent);
                StoredWord storage account = _renters[renter];
                uint256 balance = account.word.free();
                if (amount > balance) revert IEscrow.InsufficientBalance(renter, balance, amount);
                account.word -= amount;
                sum += amount;
                jobs += debit >> 224;
            }
        }
    }

    function _credit(uint256[] calldata credits) private returns (uint256 sum, uint256 jobs) {
        unchecked {
            for (uint256 i = 0; i < credits.length; ++i) {
                uint256 credit = credits[i];
                uint256 amount = uint64(credit >> 160);
                StoredWord storage account = _providers[address(uint160(credit))];
                account.word = account.word.add(EarningLib.paid(amount, credit >> 224));
                sum += amount;
                jobs += credit >> 224;
            }
        }
    }

    function _setAllowance(address renter, Allowance memory allowance) private {
        _allowances[renter] = allowance;
        emit AllowanceSet(renter, allowance.cap, allowance.validUntil, allowance.salt);
    }
}
