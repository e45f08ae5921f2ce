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

    /// @dev What a batch adds up: of the provider in hand until the next one comes, and of the whole batch.
    struct Sums {
        address provider;
        ProviderLib.Tally tally;
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
            uint256 bits = _settleGroup(market, groups[i], outcomes, sums);
            closed[i] = groups[i].group << GROUP_SIZE | bits;
            chosen[i] = groups[i].group << GROUP_SIZE | (groups[i].chosen & ((1 << groups[i].terms.length / 2) - 1));
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
                uint256 outcome = outcomes[n / 3] >> (n % 3) * 80;
                bytes32 leaseId = _leaseId(commitment, i);
                leaseIds[n++] = leaseId;
                if ((word >> i) & 1 == 0) continue;
                if (_settleOne(leaseId, terms[2 * i], terms[2 * i + 1], outcome, sums)) closed |= 1 << i;
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
            ProviderLib.Tally memory tally = sums.tally;
            tally.released += locked;
            uint256 back = locked - pay;
            if (outcome == PAID) {
                uint256 fee = pay * (second >> 224) / BPS; // rounded down, in the provider's favour
                sums.fees += fee;
                tally.pay += pay - fee;
                ++tally.settled;
            } else if (outcome == FAILED) {
                ++tally.failed;
            } else {
                ++tally.frauds;
                tally.slashed += locked;
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
        StoredWord storage account = _providers[sums.provider];
        account.word = account.word.close(sums.tally);
        delete sums.tally;
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
        fee = pay * (second >> 224) / BPS; // rounded down, in the provider's favour
        ProviderLib.Tally memory tally;
        tally.released = locked;
        tally.pay = pay - fee;
        if (outcome == Outcome.Paid) tally.settled = 1;
        if (outcome == Outcome.None) tally.unjudged = 1;
        if (outcome == Outcome.Fraud) (tally.frauds, tally.slashed) = (1, locked);
        if (outcome == Outcome.Failed) {
            if (reason == CloseReason.Deadline) tally.expired = 1;
            else tally.failed = 1;
        }
        _providers[provider].word = _providers[provider].word.close(tally);
        _renters[renter].word += locked - pay + tally.slashed;
        emit LeaseClosed(
            leaseId, renter, provider, outcome, uint64(pay - fee), uint64(fee), uint64(locked - pay), resultDigest, reason
        );
        if (tally.slashed == 0) return fee;
        emit Slashed(leaseId, provider, renter, uint64(locked));
        IProviderStake(stake).slash(locked);
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

    function _requireLength(uint256 expected, uint256 actual) internal pure {
        if (expected != actual) revert ArrayLengths(expected, actual);
    }
}
