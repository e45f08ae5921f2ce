// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {IEscrowSettlement} from "../interfaces/IEscrowSettlement.sol";
import {IOracleCommittee} from "../interfaces/IOracleCommittee.sol";
import {IProviderStake} from "../interfaces/IProviderStake.sol";
import {ProviderLib, StoredWord} from "../libraries/AccountLib.sol";
import {MessageLib} from "../libraries/MessageLib.sol";
import {QuorumLib} from "../libraries/QuorumLib.sol";
import {EscrowFees} from "./EscrowFees.sol";
import {EscrowLeases} from "./EscrowLeases.sol";

/// @notice How leases of a group end: verdicts, receipts, deadlines. See {IEscrowSettlement}.
abstract contract EscrowSettlement is IEscrowSettlement, EscrowLeases, EscrowFees {
    using ProviderLib for uint256;

    /// @dev What a batch adds up before it is written: the provider in hand, fees, penalties.
    struct Sums {
        address provider;
        uint256 account;
        uint256 fees;
        uint256 penalties;
        uint256 verdicts;
        bytes32[] leaseIds;
    }

    // ------------------------------------------------------------------------------------------------- verdicts

    /// @inheritdoc IEscrowSettlement
    function settle(
        address market,
        GroupTerms[] calldata groups,
        uint256[] calldata outcomes,
        bytes32[] calldata resultDigests,
        Quorum calldata quorum,
        bytes32[] calldata signatures
    ) external {
        if (resultDigests.length == 0) revert EmptyBatch();
        _requireLength((resultDigests.length + 2) / 3, outcomes.length);
        Sums memory sums;
        sums.leaseIds = new bytes32[](resultDigests.length);
        uint256[] memory closed = new uint256[](groups.length);
        uint256[] memory chosen = new uint256[](groups.length);
        uint256 any;
        for (uint256 i = 0; i < groups.length; ++i) {
            uint256 bits = _settleGroup(market, groups[i], outcomes, sums);
            closed[i] = groups[i].group << GROUP_SIZE | bits;
            chosen[i] = groups[i].group << GROUP_SIZE | uint32(groups[i].chosen);
            any |= bits;
        }
        _requireLength(resultDigests.length, sums.verdicts);
        if (any == 0) revert NothingClosed();
        _writeProvider(sums);
        _requireQuorum(sums.leaseIds, outcomes, resultDigests, quorum, signatures);
        _shareFees(sums.fees, quorum);
        emit LeasesSettled(market, quorum.epoch, quorum.signers, closed, chosen, outcomes, resultDigests);
        if (sums.penalties != 0) IProviderStake(stake).slash(sums.penalties);
    }

    // ------------------------------------------------------------------------------------- receipts, deadlines

    /// @inheritdoc IEscrowSettlement
    function accept(address market, GroupTerms calldata terms, Receipt calldata receipt, bytes calldata signature)
        external
    {
        (bytes32 leaseId, uint256 first, uint256 second) = _takeOne(market, terms);
        if (leaseId != receipt.leaseId) revert LeaseNotOpen(receipt.leaseId);
        _requireSigned(address(uint160(first)), MessageLib.hashReceipt(receipt), signature);
        uint256 locked = uint64(second >> 160);
        if (receipt.pay > locked) revert PayAboveLock(receipt.pay, locked);
        // Otherwise a renter could sign for nothing, once the result is known, and take the lock back.
        address provider = address(uint160(second));
        if (receipt.pay < locked && msg.sender != provider) revert ReceiptNeedsProvider(msg.sender, provider);
        _addFees(
            _closeOne(leaseId, first, second, Outcome.Paid, receipt.pay, receipt.resultDigest, CloseReason.Receipt)
        );
    }

    /// @inheritdoc IEscrowSettlement
    function refund(address market, GroupTerms[] calldata groups) external {
        uint256 any;
        for (uint256 i = 0; i < groups.length; ++i) {
            any |= _refundGroup(market, groups[i]);
        }
        if (any == 0) revert NothingClosed();
    }

    // ------------------------------------------------------------------------------------------------ internals

    function _settleGroup(address market, GroupTerms calldata group, uint256[] calldata outcomes, Sums memory sums)
        private
        returns (uint256 closed)
    {
        uint256[] calldata terms = group.terms;
        (StoredWord storage stored, bytes32 commitment) = _checked(market, group);
        uint256 open = uint32(stored.word);
        uint256 chosen = group.chosen;
        uint256 count = terms.length / 2;
        uint256 n = sums.verdicts;
        bytes32[] memory leaseIds = sums.leaseIds;
        unchecked {
            for (uint256 i = 0; i < count; ++i) {
                if ((chosen >> i) & 1 == 0) continue;
                uint256 outcome = outcomes[n / 3] >> (n % 3) * 80;
                leaseIds[n] = _leaseId(commitment, i);
                ++n;
                if ((open >> i) & 1 == 0) continue;
                if (_settleOne(leaseIds[n - 1], terms[2 * i], terms[2 * i + 1], outcome, sums)) closed |= 1 << i;
            }
        }
        sums.verdicts = n;
        stored.word = stored.word & ~closed;
    }

    /// @dev False for a verdict that cannot be: it must not keep the others of its batch from counting.
    function _settleOne(bytes32 leaseId, uint256 first, uint256 second, uint256 outcome, Sums memory sums)
        private
        returns (bool)
    {
        uint256 locked = uint64(second >> 160);
        uint256 pay = uint64(outcome);
        Outcome kind = _outcome(uint8(outcome >> 64));
        if (kind == Outcome.None || pay > locked || (pay != 0 && kind != Outcome.Paid)) return false;
        address provider = address(uint160(second));
        if (provider != sums.provider) {
            _writeProvider(sums);
            sums.provider = provider;
            sums.account = _providers[provider].word;
        }
        unchecked {
            uint256 back = locked - pay;
            if (kind == Outcome.Paid) {
                uint256 fee = pay * uint16(second >> 224) / BPS; // rounded down, in the provider's favour
                sums.fees += fee;
                sums.account = sums.account.removeLease(_penalty(locked)).addPay(pay - fee);
            } else if (kind == Outcome.Failed) {
                sums.account = sums.account.removeLease(_penalty(locked)).addFailed();
            } else {
                back += _slash(leaseId, first, provider, locked, sums);
            }
            _renters[address(uint160(first))].word += back;
        }
        return true;
    }

    function _slash(bytes32 leaseId, uint256 first, address provider, uint256 locked, Sums memory sums)
        private
        returns (uint256 penalty)
    {
        penalty = _penalty(locked);
        sums.penalties += penalty;
        sums.account = sums.account.removeLease(penalty).addFraud(penalty);
        emit Slashed(leaseId, provider, address(uint160(first)), uint64(penalty));
    }

    function _writeProvider(Sums memory sums) private {
        if (sums.provider != address(0)) _providers[sums.provider].word = sums.account;
    }

    function _requireQuorum(
        bytes32[] memory leaseIds,
        uint256[] calldata outcomes,
        bytes32[] calldata resultDigests,
        Quorum calldata quorum,
        bytes32[] calldata signatures
    ) internal view {
        bytes32 structHash = MessageLib.hashVerdictBatch(leaseIds, outcomes, resultDigests);
        bytes32 digest = MessageHashUtils.toTypedDataHash(_domainSeparatorV4(), structHash);
        QuorumLib.requireQuorum(committee.quorumHash(), digest, quorum, signatures);
    }

    function _refundGroup(address market, GroupTerms calldata group) private returns (uint256 closed) {
        (StoredWord storage stored, bytes32 commitment) = _checked(market, group);
        uint256 chosen = uint32(stored.word) & group.chosen;
        for (uint256 i = 0; i < group.terms.length / 2; ++i) {
            if ((chosen >> i) & 1 == 0) continue;
            uint256 first = group.terms[2 * i];
            uint40 deadline = uint40(first >> 160);
            if (block.timestamp <= deadline) revert DeadlineNotPassed(deadline, block.timestamp);
            _closeOne(
                _leaseId(commitment, i),
                first,
                group.terms[2 * i + 1],
                Outcome.Failed,
                0,
                bytes32(0),
                CloseReason.Deadline
            );
            closed |= 1 << i;
        }
        stored.word = stored.word & ~closed;
    }

    /// @dev Takes exactly one open lease out of its group.
    function _takeOne(address market, GroupTerms calldata group)
        internal
        returns (bytes32 leaseId, uint256 first, uint256 second)
    {
        (StoredWord storage stored, bytes32 commitment) = _checked(market, group);
        uint256 chosen = group.chosen;
        uint256 index = 0;
        while (index < GROUP_SIZE && chosen >> index & 1 == 0) ++index;
        if (chosen != 1 << index || 2 * index >= group.terms.length) revert NotOneLease(chosen);
        leaseId = _leaseId(commitment, index);
        if (stored.word & chosen == 0) revert LeaseNotOpen(leaseId);
        stored.word = stored.word & ~chosen;
        return (leaseId, group.terms[2 * index], group.terms[2 * index + 1]);
    }

    /// @dev The one place where a single lease ends, so that `paid + fee + refund == locked` holds exactly once for it.
    function _closeOne(
        bytes32 leaseId,
        uint256 first,
        uint256 second,
        Outcome outcome,
        uint256 pay,
        bytes32 resultDigest,
        CloseReason reason
    ) internal returns (uint256 fee) {
        address renter = address(uint160(first));
        address provider = address(uint160(second));
        uint256 locked = uint64(second >> 160);
        uint256 penalty = _penalty(locked);
        uint256 account = _providers[provider].word.removeLease(penalty);
        fee = pay * uint16(second >> 224) / BPS; // rounded down, in the provider's favour
        _renters[renter].word += locked - pay;
        emit LeaseClosed(
            leaseId, renter, provider, outcome, uint64(pay - fee), uint64(fee), uint64(locked - pay), resultDigest, reason
        );
        if (outcome == Outcome.Paid) {
            _providers[provider].word = account.addPay(pay - fee);
        } else if (outcome == Outcome.Failed) {
            _providers[provider].word = reason == CloseReason.Deadline ? account.addExpired() : account.addFailed();
        } else if (outcome == Outcome.None) {
            _providers[provider].word = account;
        } else {
            _providers[provider].word = account.addFraud(penalty);
            _renters[renter].word += penalty;
            emit Slashed(leaseId, provider, renter, uint64(penalty));
            IProviderStake(stake).slash(penalty);
        }
    }

    /// @dev The group's word and commitment, if these are its terms.
    function _checked(address market, GroupTerms calldata group)
        private
        view
        returns (StoredWord storage stored, bytes32 commitment)
    {
        stored = _groups[market][group.group];
        commitment = _commitment(group.bidsDigest, keccak256(abi.encodePacked(group.terms)));
        if (uint256(commitment) << GROUP_SIZE != stored.word >> GROUP_SIZE << GROUP_SIZE) {
            revert WrongGroup(market, group.group);
        }
    }

    function _leaseId(bytes32 commitment, uint256 index) internal pure returns (bytes32 id) {
        // Scratch space instead of new memory for every lease of a batch.
        assembly ("memory-safe") {
            mstore(0x00, commitment)
            mstore(0x20, index)
            id := keccak256(0x00, 0x40)
        }
    }

    function _outcome(uint8 value) internal pure returns (Outcome) {
        return value > uint8(type(Outcome).max) ? Outcome.None : Outcome(value);
    }

    function _penalty(uint256 locked) internal pure returns (uint256) {
        return locked * PENALTY_BPS / BPS;
    }

    function _requireLength(uint256 expected, uint256 actual) internal pure {
        if (expected != actual) revert ArrayLengths(expected, actual);
    }
}
