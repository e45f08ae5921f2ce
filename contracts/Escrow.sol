// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {IEscrow} from "./interfaces/IEscrow.sol";
import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";
import {IProviderStake} from "./interfaces/IProviderStake.sol";
import {IReputation} from "./interfaces/IReputation.sol";
import {MessageLib} from "./libraries/MessageLib.sol";
import {QuoteLib} from "./libraries/QuoteLib.sol";

/// @title Escrow
/// @notice Holds renters' USDC; opens, settles and refunds leases. See {IEscrow} for the manual.
contract Escrow is IEscrow, EIP712, Ownable2Step, ReentrancyGuard {
    using SafeERC20 for IERC20;

    uint256 private constant BPS = 10_000;
    /// @notice Share of a lease's price that its provider's stake must cover and that fraud costs.
    uint256 public constant PENALTY_BPS = 10_000;
    /// @notice Governance cannot set a higher fee.
    uint16 public constant MAX_FEE_BPS = 1_000;
    uint8 private constant LAST_VERIFICATION = 3;

    IERC20 public immutable token;
    IProviderStake public immutable stake;
    IReputation public immutable reputation;
    IOracleCommittee public immutable committee;

    address public treasury;
    uint16 public feeBps = 500;
    bool public openingPaused;
    /// @inheritdoc IEscrow
    uint256 public fees;

    /// @inheritdoc IEscrow
    mapping(address account => uint256) public free;
    /// @inheritdoc IEscrow
    mapping(bytes32 bidHash => uint256) public filled;
    /// @inheritdoc IEscrow
    mapping(bytes32 askHash => uint256) public openUnits;
    mapping(bytes32 leaseId => Lease) private _leases;
    mapping(address signer => mapping(uint256 salt => bool)) private _cancelled;
    mapping(address signer => uint256) private _cancelledBefore;

    constructor(
        IERC20 token_,
        IProviderStake stake_,
        IReputation reputation_,
        IOracleCommittee committee_,
        address treasury_,
        address owner_
    ) EIP712("ComputeHive", "1") Ownable(owner_) {
        if (treasury_ == address(0)) revert ZeroAddress();
        token = token_;
        stake = stake_;
        reputation = reputation_;
        committee = committee_;
        treasury = treasury_;
    }

    // ------------------------------------------------------------------------------------------------- money

    /// @inheritdoc IEscrow
    function deposit(uint256 amount) external nonReentrant {
        if (amount == 0) revert ZeroAmount();
        free[msg.sender] += amount;
        emit Deposited(msg.sender, amount);
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != amount) revert TransferMismatch(amount, received);
    }

    /// @inheritdoc IEscrow
    function withdraw(uint256 amount) external nonReentrant {
        if (amount == 0) revert ZeroAmount();
        _debit(msg.sender, amount);
        emit Withdrawn(msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IEscrow
    function withdrawFees() external nonReentrant {
        uint256 amount = fees;
        if (amount == 0) revert ZeroAmount();
        fees = 0;
        emit FeesWithdrawn(treasury, amount);
        token.safeTransfer(treasury, amount);
    }

    // ------------------------------------------------------------------------------------------------ leases

    /// @inheritdoc IEscrow
    function open(Match[] calldata matches, bytes32 roundDigest) external nonReentrant {
        if (openingPaused) revert OpeningIsPaused();
        if (matches.length == 0) revert EmptyBatch();
        for (uint256 i = 0; i < matches.length; ++i) {
            _open(matches[i], roundDigest);
        }
        emit RoundOpened(msg.sender, roundDigest, matches.length);
    }

    /// @inheritdoc IEscrow
    function settle(Verdict[] calldata verdicts, bytes[] calldata signatures) external nonReentrant {
        if (verdicts.length == 0) revert EmptyBatch();
        committee.requireQuorum(_hashTypedDataV4(MessageLib.hashVerdictBatch(verdicts)), signatures);
        for (uint256 i = 0; i < verdicts.length; ++i) {
            Verdict calldata verdict = verdicts[i];
            if (verdict.outcome == 0 || verdict.outcome > uint8(type(Outcome).max)) revert UnknownOutcome(verdict.outcome);
            Outcome outcome = Outcome(verdict.outcome);
            if (outcome != Outcome.Paid && verdict.pay != 0) revert PayWithoutResult(verdict.outcome, verdict.pay);
            _close(verdict.leaseId, outcome, verdict.pay, verdict.resultDigest, CloseReason.Verdict);
        }
    }

    /// @inheritdoc IEscrow
    function accept(Receipt calldata receipt, bytes calldata signature) external nonReentrant {
        Lease storage leased = _leases[receipt.leaseId];
        if (leased.state != LeaseState.Open) revert LeaseNotOpen(receipt.leaseId, leased.state);
        _requireSignature(leased.renter, MessageLib.hashReceipt(receipt), signature);
        // Otherwise a renter could sign for nothing, once the result is known, and take the lock back.
        if (receipt.pay < leased.locked && msg.sender != leased.provider) {
            revert ReceiptNeedsProvider(msg.sender, leased.provider);
        }
        _close(receipt.leaseId, Outcome.Paid, receipt.pay, receipt.resultDigest, CloseReason.Receipt);
    }

    /// @inheritdoc IEscrow
    function refund(bytes32[] calldata leaseIds) external nonReentrant {
        if (leaseIds.length == 0) revert EmptyBatch();
        for (uint256 i = 0; i < leaseIds.length; ++i) {
            Lease storage leased = _leases[leaseIds[i]];
            if (leased.state != LeaseState.Open) revert LeaseNotOpen(leaseIds[i], leased.state);
            if (block.timestamp <= leased.deadline) revert DeadlineNotPassed(leased.deadline, block.timestamp);
            _close(leaseIds[i], Outcome.Failed, 0, bytes32(0), CloseReason.Deadline);
        }
    }

    // ---------------------------------------------------------------------------------------------- cancelling

    /// @inheritdoc IEscrow
    function cancel(uint256 salt) external {
        _cancel(Cancel({signer: msg.sender, salt: salt, allBefore: false}));
    }

    /// @inheritdoc IEscrow
    function cancelBefore(uint256 salt) external {
        _cancel(Cancel({signer: msg.sender, salt: salt, allBefore: true}));
    }

    /// @inheritdoc IEscrow
    function cancelFor(Cancel calldata message, bytes calldata signature) external {
        _requireSignature(message.signer, MessageLib.hashCancel(message), signature);
        _cancel(message);
    }

    // ---------------------------------------------------------------------------------------------- governance

    /// @inheritdoc IEscrow
    function setFee(uint16 feeBps_) external onlyOwner {
        if (feeBps_ > MAX_FEE_BPS) revert FeeAboveCap(feeBps_, MAX_FEE_BPS);
        feeBps = feeBps_;
        emit FeeChanged(feeBps_);
    }

    /// @inheritdoc IEscrow
    function setTreasury(address treasury_) external onlyOwner {
        if (treasury_ == address(0)) revert ZeroAddress();
        treasury = treasury_;
        emit TreasuryChanged(treasury_);
    }

    /// @inheritdoc IEscrow
    function setOpeningPaused(bool paused) external onlyOwner {
        openingPaused = paused;
        emit OpeningPaused(paused);
    }

    // ------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IEscrow
    function lease(bytes32 leaseId) external view returns (Lease memory) {
        return _leases[leaseId];
    }

    /// @inheritdoc IEscrow
    function isCancelled(address signer, uint256 salt) public view returns (bool) {
        return salt < _cancelledBefore[signer] || _cancelled[signer][salt];
    }

    /// @inheritdoc IEscrow
    function quote(Ask calldata ask, Bid calldata bid) external pure returns (uint256) {
        return QuoteLib.quote(ask, bid);
    }

    /// @inheritdoc IEscrow
    function leaseIdOf(bytes32 bidHash, address provider) public pure returns (bytes32) {
        return keccak256(abi.encode(bidHash, provider));
    }

    /// @notice EIP-712 domain separator on this chain.
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    /// @notice EIP-712 struct hash of an ask: its identity.
    function hashAsk(Ask calldata ask) external pure returns (bytes32) {
        return MessageLib.hashAsk(ask);
    }

    /// @notice EIP-712 struct hash of a bid: its identity, and the id of its job.
    function hashBid(Bid calldata bid) external pure returns (bytes32) {
        return MessageLib.hashBid(bid);
    }

    /// @notice EIP-712 struct hash of an attestation.
    function hashAttestation(Attestation calldata attestation) external pure returns (bytes32) {
        return MessageLib.hashAttestation(attestation);
    }

    /// @notice EIP-712 struct hash of a verdict.
    function hashVerdict(Verdict calldata verdict) external pure returns (bytes32) {
        return MessageLib.hashVerdict(verdict);
    }

    /// @notice EIP-712 struct hash of the batch that oracles sign.
    function hashVerdictBatch(Verdict[] calldata verdicts) external pure returns (bytes32) {
        return MessageLib.hashVerdictBatch(verdicts);
    }

    /// @notice EIP-712 struct hash of a receipt.
    function hashReceipt(Receipt calldata receipt) external pure returns (bytes32) {
        return MessageLib.hashReceipt(receipt);
    }

    /// @notice EIP-712 struct hash of a cancel.
    function hashCancel(Cancel calldata message) external pure returns (bytes32) {
        return MessageLib.hashCancel(message);
    }

    /// @notice The 32 bytes that are signed for a struct hash on this chain and for this contract.
    function digestOf(bytes32 structHash) external view returns (bytes32) {
        return _hashTypedDataV4(structHash);
    }

    // ---------------------------------------------------------------------------------------------- internals

    function _open(Match calldata matched, bytes32 roundDigest) private {
        Bid calldata bid = matched.bid;
        Ask calldata ask = matched.ask;
        _requireLive(bid, ask);
        bytes32 bidHash = MessageLib.hashBid(bid);
        bytes32 askHash = MessageLib.hashAsk(ask);
        _requireSignature(bid.renter, bidHash, matched.bidSignature);
        _requireSignature(ask.provider, askHash, matched.askSignature);
        _requirePrice(ask, bid, matched.price);

        if (filled[bidHash] >= bid.replicas) revert BidIsFilled(bidHash, bid.replicas);
        if (openUnits[askHash] >= ask.units) revert AskIsFull(askHash, ask.units);
        bytes32 leaseId = leaseIdOf(bidHash, ask.provider);
        if (_leases[leaseId].state != LeaseState.None) revert LeaseExists(leaseId);

        _debit(bid.renter, matched.price);
        ++filled[bidHash];
        ++openUnits[askHash];
        _leases[leaseId] = Lease({
            renter: bid.renter,
            locked: matched.price,
            feeBps: feeBps,
            state: LeaseState.Open,
            provider: ask.provider,
            deadline: bid.deadline,
            askHash: askHash
        });
        emit LeaseOpened(
            leaseId,
            bid.renter,
            ask.provider,
            bid.market,
            ask.agent,
            bidHash,
            askHash,
            bid.jobDigest,
            matched.price,
            _penalty(matched.price),
            feeBps,
            bid.deadline,
            roundDigest
        );
        stake.lock(ask.provider, _penalty(matched.price));
    }

    function _requireLive(Bid calldata bid, Ask calldata ask) private view {
        if (msg.sender != bid.market) revert NotMarket(msg.sender, bid.market);
        if (msg.sender != ask.market) revert NotMarket(msg.sender, ask.market);
        if (bid.replicas == 0) revert NoReplicas();
        if (bid.verification > LAST_VERIFICATION) revert UnknownVerification(bid.verification);
        if (block.timestamp > bid.validUntil) revert OrderExpired(bid.validUntil, block.timestamp);
        if (block.timestamp > ask.validUntil) revert OrderExpired(ask.validUntil, block.timestamp);
        if (block.timestamp >= bid.deadline) revert DeadlinePassed(bid.deadline, block.timestamp);
        if (isCancelled(bid.renter, bid.salt)) revert OrderIsCancelled(bid.renter, bid.salt);
        if (isCancelled(ask.provider, ask.salt)) revert OrderIsCancelled(ask.provider, ask.salt);
    }

    function _requirePrice(Ask calldata ask, Bid calldata bid, uint64 price) private pure {
        uint256 quoted = QuoteLib.quote(ask, bid);
        if (price < quoted) revert PriceBelowQuote(price, quoted);
        if (price > bid.maxPrice) revert PriceAboveMax(price, bid.maxPrice);
    }

    function _requireSignature(address signer, bytes32 structHash, bytes calldata signature) private view {
        if (!SignatureChecker.isValidSignatureNow(signer, _hashTypedDataV4(structHash), signature)) {
            revert InvalidSignature(signer);
        }
    }

    /// @dev The one place where a lease ends, so that `paid + fee + refund == locked` holds exactly once for each.
    function _close(bytes32 leaseId, Outcome outcome, uint64 pay, bytes32 resultDigest, CloseReason reason) private {
        Lease storage leased = _leases[leaseId];
        if (leased.state != LeaseState.Open) revert LeaseNotOpen(leaseId, leased.state);
        if (pay > leased.locked) revert PayAboveLock(pay, leased.locked);

        uint64 fee = uint64(uint256(pay) * leased.feeBps / BPS); // rounded down, in the provider's favour
        uint64 back = leased.locked - pay;
        leased.state = LeaseState.Closed;
        --openUnits[leased.askHash];
        free[leased.provider] += pay - fee;
        free[leased.renter] += back;
        fees += fee;
        emit LeaseClosed(leaseId, outcome, pay - fee, fee, back, resultDigest, reason);
        _endCover(leaseId, leased, outcome);
        reputation.record(leased.provider, _entry(outcome, reason), pay);
    }

    /// @dev Fraud: the penalty moves from the stake to this contract and is credited to the renter it harmed.
    function _endCover(bytes32 leaseId, Lease storage leased, Outcome outcome) private {
        uint64 penalty = _penalty(leased.locked);
        if (outcome != Outcome.Fraud) {
            stake.release(leased.provider, penalty);
            return;
        }
        free[leased.renter] += penalty;
        emit Compensated(leaseId, leased.renter, penalty);
        stake.slash(leased.provider, penalty, leaseId);
    }

    function _entry(Outcome outcome, CloseReason reason) private pure returns (IReputation.Entry) {
        if (reason == CloseReason.Deadline) return IReputation.Entry.Expired;
        if (outcome == Outcome.Fraud) return IReputation.Entry.Slashed;
        if (outcome == Outcome.Failed) return IReputation.Entry.Failed;
        return IReputation.Entry.Settled;
    }

    function _penalty(uint64 price) private pure returns (uint64) {
        return uint64(uint256(price) * PENALTY_BPS / BPS);
    }

    function _debit(address account, uint256 amount) private {
        uint256 balance = free[account];
        if (balance < amount) revert InsufficientBalance(account, balance, amount);
        free[account] = balance - amount;
    }

    function _cancel(Cancel memory message) private {
        if (!message.allBefore) {
            _cancelled[message.signer][message.salt] = true;
            emit OrderCancelled(message.signer, message.salt);
            return;
        }
        // Never backwards: what was void stays void.
        if (message.salt > _cancelledBefore[message.signer]) _cancelledBefore[message.signer] = message.salt;
        emit OrdersCancelledBefore(message.signer, message.salt);
    }
}
