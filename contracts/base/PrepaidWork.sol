// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {IEscrow} from "../interfaces/IEscrow.sol";
import {IPrepaid} from "../interfaces/IPrepaid.sol";
import {RenterLib, StoredWord} from "../libraries/AccountLib.sol";
import {EarningLib} from "../libraries/EarningLib.sol";
import {KeyLib} from "../libraries/KeyLib.sol";
import {MessageLib} from "../libraries/MessageLib.sol";
import {OrderLib} from "../libraries/OrderLib.sol";
import {SignatureLib} from "../libraries/SignatureLib.sol";
import {WordListLib} from "../libraries/WordListLib.sol";
import {PrepaidAccounts} from "./PrepaidAccounts.sol";

/// @notice Finished work, job by job. See {IPrepaid-settleWork}.
abstract contract PrepaidWork is PrepaidAccounts {
    using RenterLib for uint256;
    using EarningLib for uint256;
    using WordListLib for bytes32[];

    /// @dev What a bid says that may be settled here.
    uint256 private constant PREPAID = 1;
    /// @dev An ask's refusal among what a job lacks.
    uint256 private constant LACKS = 1 << 255;
    uint256 private constant ONE = 1;

    // The compiler checks the range of an enum at every step of a job: numbers are cheaper.
    uint256 private constant ASK_EXPIRED = uint256(Refusal.AskExpired);
    uint256 private constant ASK_CANCELLED = uint256(Refusal.AskCancelled);
    uint256 private constant ASK_SIGNATURE = uint256(Refusal.AskSignature);
    uint256 private constant QUOTE = uint256(Refusal.Quote);
    uint256 private constant BID_EXPIRED = uint256(Refusal.BidExpired);
    uint256 private constant BID_SIGNATURE = uint256(Refusal.BidSignature);
    uint256 private constant BALANCE = uint256(Refusal.Balance);
    uint256 private constant SALT_USED = uint256(Refusal.SaltUsed);
    uint256 private constant REPLICAS = uint256(Refusal.Replicas);
    uint256 private constant SETTLEMENT = uint256(Refusal.Settlement);
    uint256 private constant VERDICT = uint256(Refusal.Verdict);
    uint256 private constant PAID = uint256(uint8(IEscrow.Outcome.Paid));

    /// @dev Jobs of one ask that stand next to each other.
    struct Run {
        bytes32 provider;
        uint256 rates;
        uint256 minimum;
        uint256 refused;
        uint256 tally;
        uint256 fees;
    }

    /// @dev A batch on its way, and the last bid that was settled (of which more replicas may follow).
    struct Work {
        bytes32 separator;
        bytes32 escrowSeparator;
        uint256 feeBps;
        uint256 fees;
        RenterWord[] renters;
        uint256[] credits;
        bytes32[] leaseIds;
        uint256[17] preimage;
        bytes32 lastBid;
        uint256 lastReplicas;
        bytes32 lastProvider;
        uint256 skipped;
        uint256 firstRefusal;
    }

    /// @inheritdoc IPrepaid
    function settleWork(
        bytes32 roundDigest,
        address[] calldata renters,
        IEscrow.SignedAsk[] calldata asks,
        IEscrow.SignedBid[] calldata bids,
        bytes[] calldata askSignatures,
        uint256[] calldata outcomes,
        bytes32 resultsDigest,
        IEscrow.Quorum calldata quorum,
        bytes32[] calldata signatures
    ) external {
        if (bids.length == 0) revert IEscrow.EmptyBatch();
        if ((bids.length + 2) / 3 != outcomes.length) revert IEscrow.ArrayLengths((bids.length + 2) / 3, outcomes.length);
        Work memory batch = _newBatch(renters, asks.length, bids.length);
        for (uint256 done = 0; done < bids.length;) {
            done = _settleRun(batch, asks, bids, outcomes, done, askSignatures);
        }
        if (batch.skipped == bids.length) revert NothingSettled(Refusal(batch.firstRefusal));
        _writeRenters(batch.renters);
        bytes32 verdictsHash = _hashVerdicts(batch.leaseIds, outcomes, resultsDigest);
        _requireQuorum(MessageHashUtils.toTypedDataHash(batch.escrowSeparator, verdictsHash), quorum, signatures);
        _shareFees(batch.fees, quorum);
        emit WorkSettled(
            msg.sender,
            roundDigest,
            verdictsHash,
            quorum.epoch,
            quorum.signers,
            batch.fees,
            batch.renters,
            batch.credits
        );
    }

    function _newBatch(address[] calldata renters, uint256 asks, uint256 jobs)
        private
        view
        returns (Work memory batch)
    {
        batch.separator = _domainSeparatorV4();
        batch.escrowSeparator = _escrowDomain();
        batch.feeBps = feeBps;
        batch.credits = new uint256[](asks);
        batch.leaseIds = new bytes32[](jobs);
        batch.preimage = OrderLib.newPreimage(msg.sender);
        // A renter that stood here twice would have two accounts.
        RenterWord[] memory inUse = new RenterWord[](renters.length);
        address previous;
        for (uint256 i = 0; i < renters.length; ++i) {
            address renter = renters[i];
            if (renter <= previous) revert RentersNotAscending(previous, renter);
            inUse[i] = RenterWord(renter, _renters[renter].word);
            previous = renter;
        }
        batch.renters = inUse;
    }

    function _writeRenters(RenterWord[] memory inUse) private {
        for (uint256 i = 0; i < inUse.length; ++i) {
            RenterWord memory one = inUse[i];
            _renters[one.renter].word = one.account;
        }
    }

    /// @dev Jobs of one ask, as many as stand next to each other from `i` on: its provider's account is read and written
    /// once for them. Returns the index of the next job.
    function _settleRun(
        Work memory batch,
        IEscrow.SignedAsk[] calldata asks,
        IEscrow.SignedBid[] calldata bids,
        uint256[] calldata outcomes,
        uint256 i,
        bytes[] calldata askSignatures
    ) private returns (uint256) {
        uint256 index = uint16(bids[i].resources >> 16);
        IEscrow.SignedAsk calldata ask = asks[index];
        address provider = address(uint160(ask.offer));
        StoredWord storage stored = _providers[provider];
        uint256 account = stored.word;
        uint256 refused = _refusalOf(batch.escrowSeparator, ask, askSignatures, provider, account);
        bytes32 word = bytes32(uint256(uint160(provider)));
        Run memory run = Run(word, ask.rates, uint64(ask.agentAndMinimum >> 160), refused, 0, 0);
        unchecked {
            for (; i < bids.length; ++i) {
                IEscrow.SignedBid calldata bid = bids[i];
                uint256 resources = bid.resources;
                if (uint16(resources >> 16) != index) break;
                _settleOne(batch, run, bid, resources, i, outcomes[i / 3] >> (i % 3) * 80);
            }
        }
        uint256 tally = run.tally;
        if (tally != 0) {
            batch.fees += run.fees;
            stored.word = account.add(tally);
            batch.credits[index] = tally.toCredit(batch.credits[index], provider);
            (uint256 failed, uint256 frauds) = tally.unpaidJobs();
            if (failed | frauds != 0) emit WorkUnpaid(provider, failed, frauds);
        }
        return i;
    }

    function _refusalOf(
        bytes32 escrowSeparator,
        IEscrow.SignedAsk calldata signed,
        bytes[] calldata askSignatures,
        address provider,
        uint256 account
    ) private view returns (uint256) {
        uint256 offer = signed.offer;
        if (block.timestamp > uint40(offer >> 160)) return LACKS | ASK_EXPIRED;
        if (uint32(offer >> 200) < account.askSalt()) return LACKS | ASK_CANCELLED;
        bytes32 digest = MessageHashUtils.toTypedDataHash(escrowSeparator, OrderLib.hashAsk(signed, msg.sender));
        if (_isSigned(provider, digest, signed, askSignatures)) return 0;
        // A delegated agent may price its own node, so that the provider's key can stay cold.
        address agent = address(uint160(signed.agentAndMinimum));
        if (escrow.isAgent(provider, agent) && _isSigned(agent, digest, signed, askSignatures)) return 0;
        return LACKS | ASK_SIGNATURE;
    }

    function _isSigned(
        address signer,
        bytes32 digest,
        IEscrow.SignedAsk calldata signed,
        bytes[] calldata askSignatures
    ) private view returns (bool) {
        bytes32 vs = signed.vs;
        if (vs != 0) return KeyLib.isSignedBy(signer, digest, signed.r, vs);
        return SignatureLib.isValidERC1271(signer, digest, askSignatures[uint256(signed.r)]);
    }

    /// @param verdict Gross pay 64, outcome 8, from the lowest bit; what lies above is of other jobs.
    function _settleOne(
        Work memory batch,
        Run memory run,
        IEscrow.SignedBid calldata bid,
        uint256 resources,
        uint256 i,
        uint256 verdict
    ) private {
        unchecked {
            uint256 terms = bid.terms;
            RenterWord memory renter = batch.renters[uint16(resources)];
            bytes32 bidHash = OrderLib.hashBid(batch.preimage, renter.renter, bid.jobDigest, resources, terms);
            bytes32 digest = MessageHashUtils.toTypedDataHash(batch.separator, bidHash);
            batch.leaseIds.setPair(i, run.provider, digest);

            uint256 pay = uint64(verdict);
            uint256 maxPrice = uint64(terms);
            uint256 account = renter.account;
            // What is negative has the highest bit set: one look for all that seldom happens.
            uint256 lacks = (maxPrice - OrderLib.quote(run.rates, run.minimum, resources)) | (maxPrice - pay)
                | (account.free() - pay) | (uint40(terms >> 128) - block.timestamp) | (uint8(resources >> 224) - ONE)
                | (0 - (resources >> 240 ^ PREPAID)) | run.refused;
            if (lacks >> 255 != 0) return _skip(batch, i, _reasonOf(run, resources, terms, pay, account.free()));
            uint256 counted = EarningLib.ONE_PAID;
            if (uint8(verdict >> 64) != PAID) {
                counted = EarningLib.unpaid(uint8(verdict >> 64));
                if (counted == 0 || pay != 0) return _skip(batch, i, VERDICT);
            }

            if (digest != batch.lastBid) {
                account = account.use(terms >> 208);
                if (account == 0) return _skip(batch, i, SALT_USED);
                if (!KeyLib.isSignedBy(renter.renter, digest, bid.r, bid.vs)) return _skip(batch, i, BID_SIGNATURE);
                (batch.lastBid, batch.lastReplicas, batch.lastProvider) = (digest, 1, run.provider);
            } else if (!_isNextReplica(batch, run.provider, uint8(resources >> 224))) {
                return _skip(batch, i, REPLICAS);
            }

            renter.account = account - pay;
            uint256 fee = pay * batch.feeBps / BPS; // rounded down, in the provider's favour
            run.fees += fee;
            run.tally += pay - fee + counted;
        }
    }

    /// @dev Why a job lacks something, in the manual's order.
    function _reasonOf(Run memory run, uint256 resources, uint256 terms, uint256 pay, uint256 balance)
        private
        view
        returns (uint256)
    {
        if (run.refused != 0) return uint8(run.refused);
        if (uint64(terms) < OrderLib.quote(run.rates, run.minimum, resources)) return QUOTE;
        if (block.timestamp > uint40(terms >> 128)) return BID_EXPIRED;
        if (pay > uint64(terms)) return VERDICT;
        if (pay > balance) return BALANCE;
        return uint8(resources >> 224) == 0 ? REPLICAS : SETTLEMENT;
    }

    function _skip(Work memory batch, uint256 i, uint256 reason) private {
        if (batch.skipped++ == 0) batch.firstRefusal = reason;
        emit WorkSkipped(i, Refusal(reason));
    }

    /// @dev Replicas of a bid stand next to each other, by ascending provider: that makes them distinct, and the bid's
    /// signature and salt need one look. It has had that: only what was settled is the last bid.
    function _isNextReplica(Work memory batch, bytes32 provider, uint256 replicas) private pure returns (bool) {
        if (batch.lastReplicas == replicas || provider <= batch.lastProvider) return false;
        ++batch.lastReplicas;
        batch.lastProvider = provider;
        return true;
    }

    function _hashVerdicts(bytes32[] memory leaseIds, uint256[] calldata outcomes, bytes32 resultsDigest)
        private
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                MessageLib.VERDICT_BATCH_TYPEHASH,
                leaseIds.hash(),
                keccak256(abi.encodePacked(outcomes)),
                resultsDigest
            )
        );
    }
}
