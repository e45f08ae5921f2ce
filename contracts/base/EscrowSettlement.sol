// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {IEscrowSettlement} from "../interfaces/IEscrowSettlement.sol";
import {IOracleCommittee} from "../interfaces/IOracleCommittee.sol";
import {IProviderStake} from "../interfaces/IProviderStake.sol";
import {ProviderLib, StoredWord, TallyLib} from "../libraries/AccountLib.sol";
import {MessageLib} from "../libraries/MessageLib.sol";
import {QuorumLib} from "../libraries/QuorumLib.sol";
import {EscrowFees} from "./EscrowFees.sol";
import {EscrowLeases} from "./EscrowLeases.sol";

/// @notice How leases of a group end: verdicts, receipts, deadlines. See {IEscrowSettlement}.
abstract contract EscrowSettlement is IEscrowSettlement, EscrowLeases, EscrowFees {
    using ProviderLib for uint256;

    /// @dev What a batch adds up: of the provider in hand until the next one comes, and of the whole batch.
    struct Sums {
        address provider;
        uint256 tally;
        uint256 fees;
        uint256 penalties;
        uint256 verdicts;
        bytes32[] leaseIds;
    }

    uint256 private constant PAID = uint256(uint8(Outcome.Paid));
    uint256 private constant FAILED = uint256(uint8(Outcome.Failed));
    uint256 private constant FRAUD = uint256(uint8(Outcome.Fraud));

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
            GroupTerms calldata group = groups[i];
            uint256 bits = _settleGroup(market, group, outcomes, sums);
            uint256 number = group.group << GROUP_SIZE;
            closed[i] = number | bits;
            chosen[i] = number | (group.chosen & ((1 << group.terms.length / 2) - 1));
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
        uint256 word = stored.word;
        uint256 chosen = group.chosen;
        uint256 n = sums.verdicts;
        bytes32[] memory leaseIds = sums.leaseIds;
        unchecked {
            for (uint256 i = 0; i < terms.length / 2; ++i) {
                if ((chosen >> i) & 1 == 0) continue;
                if (n == leaseIds.length) revert ArrayLengths(n, n + 1);
                uint256 outcome = _word(outcomes, n / 3) >> (n % 3) * 80;
                bytes32 leaseId = _leaseId(commitment, i);
                leaseIds[n++] = leaseId;
                if ((word >> i) & 1 == 0) continue;
                if (_settleOne(leaseId, _word(terms, 2 * i), _word(terms, 2 * i + 1), outcome, sums)) closed |= 1 << i;
            }
        }
        sums.verdicts = n;
        stored.word = word & ~closed;
    }

    /// @dev False for a verdict that cannot be: it must not keep the others of its batch from counting.
    function _settleOne(bytes32 leaseId, uint256 first, uint256 second, uint256 outcome, Sums memory sums)
        private
        returns (bool)
    {
        unchecked {
            uint256 locked = uint64(second >> 160);
            uint256 pay = uint64(outcome);
            outcome = uint8(outcome >> 64);
            if (pay > locked) return false;
            if (outcome != PAID && (pay != 0 || outcome - FAILED > FRAUD - FAILED)) return false;
            if (address(uint160(second)) != sums.provider) {
                _writeProvider(sums);
                sums.provider = address(uint160(second));
            }
            uint256 back = locked - pay;
            if (outcome == PAID) {
                uint256 fee = pay * (second >> 224) / BPS; // rounded down, in the provider's favour
                sums.fees += fee;
                sums.tally += TallyLib.one(TallyLib.SETTLED, pay - fee, locked);
            } else if (outcome == FAILED) {
                sums.tally += TallyLib.one(TallyLib.FAILED, 0, locked);
            } else {
                sums.tally += TallyLib.fraud(locked);
                sums.penalties += locked;
                back += locked;
                emit Slashed(leaseId, address(uint160(second)), address(uint160(first)), uint64(locked));
            }
            _renters[address(uint160(first))].word += back;
            return true;
        }
    }

    function _writeProvider(Sums memory sums) private {
        if (sums.provider == address(0)) return;
        _writeTally(sums.provider, sums.tally);
        sums.tally = 0;
    }

    function _writeTally(address provider, uint256 tally) private {
        StoredWord storage account = _providers[provider];
        uint256 word = account.word;
        uint256 pay = TallyLib.pay(tally);
        if (word.earned() + pay > ProviderLib.MAX_EARNED) {
            // A full purse must not stop a batch: what it cannot take is the provider's free balance.
            _renters[provider].word += pay;
            tally -= pay;
        }
        account.word = word.close(tally);
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
        uint256[] calldata terms = group.terms;
        for (uint256 i = 0; i < terms.length / 2; ++i) {
            if ((chosen >> i) & 1 == 0) continue;
            uint256 first = terms[2 * i];
            uint256 second = terms[2 * i + 1];
            uint40 deadline = uint40(first >> 160);
            if (block.timestamp <= deadline) revert DeadlineNotPassed(deadline, block.timestamp);
            _closeOne(_leaseId(commitment, i), first, second, Outcome.Failed, 0, bytes32(0), CloseReason.Deadline);
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
        fee = pay * (second >> 224) / BPS; // rounded down, in the provider's favour
        uint256 slashed = outcome == Outcome.Fraud ? locked : 0;
        _writeTally(provider, _tallyOf(outcome, reason, pay - fee, locked));
        _renters[renter].word += locked - pay + slashed;
        emit LeaseClosed(
            leaseId, renter, provider, outcome, uint64(pay - fee), uint64(fee), uint64(locked - pay), resultDigest, reason
        );
        if (slashed == 0) return fee;
        emit Slashed(leaseId, provider, renter, uint64(locked));
        IProviderStake(stake).slash(locked);
    }

    function _tallyOf(Outcome outcome, CloseReason reason, uint256 net, uint256 locked) private pure returns (uint256) {
        if (outcome == Outcome.Fraud) return TallyLib.fraud(locked);
        uint256 ending = TallyLib.FAILED;
        if (outcome == Outcome.Paid) ending = TallyLib.SETTLED;
        else if (outcome == Outcome.None) ending = TallyLib.UNJUDGED;
        else if (reason == CloseReason.Deadline) ending = TallyLib.EXPIRED;
        return TallyLib.one(ending, net, locked);
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

    /// @dev `words[index]` without the bounds check, which the caller has made.
    function _word(uint256[] calldata words, uint256 index) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(add(words.offset, shl(5, index)))
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

    function _requireLength(uint256 expected, uint256 actual) internal pure {
        if (expected != actual) revert ArrayLengths(expected, actual);
    }
}
