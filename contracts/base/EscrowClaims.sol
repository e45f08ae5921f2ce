// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IEscrowClaims} from "../interfaces/IEscrowClaims.sol";
import {ProviderLib, RenterLib, StoredWord} from "../libraries/AccountLib.sol";
import {MessageLib} from "../libraries/MessageLib.sol";
import {EscrowSettlement} from "./EscrowSettlement.sol";

/// @notice What a provider and a renter can do when the oracles are silent. See {IEscrowClaims}.
abstract contract EscrowClaims is IEscrowClaims, EscrowSettlement {
    using RenterLib for uint256;
    using ProviderLib for uint256;

    /// @notice Share of the claimed pay that a dispute puts at stake.
    uint256 public constant DISPUTE_BOND_BPS = 1_000;
    uint8 private constant EXITED = 0;

    /// @notice Seconds in which a claim can be disputed.
    uint40 public immutable claimWindow;
    /// @notice Seconds in which the oracles can decide a dispute.
    uint40 public immutable disputeWindow;

    mapping(bytes32 leaseId => Claim) private _claims;

    constructor(uint40 claimWindow_, uint40 disputeWindow_) {
        if (claimWindow_ == 0 || disputeWindow_ == 0) revert ZeroAmount();
        claimWindow = claimWindow_;
        disputeWindow = disputeWindow_;
    }

    /// @inheritdoc IEscrowClaims
    function claim(
        address market,
        GroupTerms calldata terms,
        uint64 pay,
        Attestation calldata attestation,
        address agent,
        bytes calldata signature
    ) external {
        (bytes32 leaseId, uint256 first, uint256 second) = _takeOne(market, terms);
        if (leaseId != attestation.leaseId) revert LeaseNotOpen(attestation.leaseId);
        if (attestation.exitKind != EXITED) revert NotCompleted(attestation.exitKind);
        uint40 deadline = uint40(first >> 160);
        if (block.timestamp > deadline) revert DeadlinePassed(deadline, block.timestamp);
        uint256 locked = uint64(second >> 160);
        // A lease of nothing is claimed with nothing: otherwise its provider could not end it.
        if (pay == 0 && locked != 0) revert ZeroAmount();
        if (pay > locked) revert PayAboveLock(pay, locked);
        _requireEvidence(address(uint160(second)), agent, attestation, signature);
        uint40 until = uint40(block.timestamp) + claimWindow;
        _claims[leaseId] = Claim(ClaimState.Claimed, pay, until, 0, _termsDigest(first, second));
        emit LeaseClaimed(
            leaseId,
            address(uint160(first)),
            address(uint160(second)),
            pay,
            attestation.resultDigest,
            until,
            first,
            second
        );
    }

    /// @inheritdoc IEscrowClaims
    function release(ClaimedLease calldata lease) external {
        Claim memory claimed = _requireClaim(lease, ClaimState.Claimed);
        bool waived = msg.sender == address(uint160(lease.first));
        if (!waived && block.timestamp <= claimed.until) revert WindowNotOver(claimed.until, block.timestamp);
        _closeClaim(lease, Outcome.Paid, claimed.pay, bytes32(0), CloseReason.ClaimReleased);
    }

    /// @inheritdoc IEscrowClaims
    function dispute(ClaimedLease calldata lease) external {
        Claim memory claimed = _requireClaim(lease, ClaimState.Claimed);
        address renter = address(uint160(lease.first));
        if (msg.sender != renter) revert NotRenter(msg.sender, renter);
        if (block.timestamp > claimed.until) revert WindowOver(claimed.until, block.timestamp);
        StoredWord storage account = _renters[renter];
        uint64 bond = uint64(_ceilBond(claimed.pay));
        if (account.word.free() < bond) revert InsufficientBalance(renter, account.word.free(), bond);
        account.word -= bond;
        uint40 until = uint40(block.timestamp) + disputeWindow;
        Claim storage stored = _claims[lease.leaseId];
        stored.state = ClaimState.Disputed;
        stored.until = until;
        stored.bond = bond;
        emit LeaseDisputed(lease.leaseId, renter, bond, until);
    }

    /// @inheritdoc IEscrowClaims
    function settleClaims(
        ClaimedLease[] calldata leases,
        uint256[] calldata outcomes,
        bytes32[] calldata resultDigests,
        Quorum calldata quorum,
        bytes32[] calldata signatures
    ) external {
        if (leases.length == 0) revert EmptyBatch();
        _requireLength(leases.length, resultDigests.length);
        _requireLength((leases.length + 2) / 3, outcomes.length);
        bytes32[] memory leaseIds = new bytes32[](leases.length);
        for (uint256 i = 0; i < leases.length; ++i) {
            leaseIds[i] = leases[i].leaseId;
        }
        _requireQuorum(leaseIds, outcomes, resultDigests, quorum, signatures);
        uint256 fees = 0;
        bool any = false;
        for (uint256 i = 0; i < leases.length; ++i) {
            (bool closed, uint256 fee) = _settleClaim(leases[i], outcomes[i / 3] >> (i % 3) * 80, resultDigests[i]);
            any = any || closed;
            fees += fee;
        }
        if (!any) revert NothingClosed();
        _shareFees(fees, quorum);
        emit ClaimsSettled(quorum.epoch, quorum.signers, fees);
    }

    /// @inheritdoc IEscrowClaims
    function expireDispute(ClaimedLease calldata lease) external {
        Claim memory claimed = _requireClaim(lease, ClaimState.Disputed);
        if (block.timestamp <= claimed.until) revert WindowNotOver(claimed.until, block.timestamp);
        _returnBond(lease, _renters[address(uint160(lease.first))], address(uint160(lease.first)), claimed.bond);
        _closeClaim(lease, Outcome.None, 0, bytes32(0), CloseReason.DisputeExpired);
    }

    /// @inheritdoc IEscrowClaims
    function claimOf(bytes32 leaseId) external view returns (Claim memory) {
        return _claims[leaseId];
    }

    // ------------------------------------------------------------------------------------------------ internals

    function _settleClaim(ClaimedLease calldata lease, uint256 word, bytes32 resultDigest)
        private
        returns (bool, uint256)
    {
        Claim memory claimed = _claims[lease.leaseId];
        Outcome outcome = _outcome(uint8(word >> 64));
        uint256 pay = uint64(word);
        bool live = claimed.state == ClaimState.Claimed || claimed.state == ClaimState.Disputed;
        if (!live || outcome == Outcome.None || (pay != 0 && outcome != Outcome.Paid)) return (false, 0);
        if (claimed.termsDigest != _termsDigest(lease.first, lease.second)) return (false, 0);
        if (pay > uint64(lease.second >> 160)) return (false, 0);
        if (claimed.state == ClaimState.Disputed) {
            // The bond goes to who was right: less than was claimed means that the renter disputed for good reason.
            bool good = outcome == Outcome.Paid && pay >= claimed.pay;
            address winner = address(uint160(good ? lease.second : lease.first));
            _returnBond(lease, _renters[winner], winner, claimed.bond);
        }
        _claims[lease.leaseId].state = ClaimState.Closed;
        uint256 fee =
            _closeOne(lease.leaseId, lease.first, lease.second, outcome, pay, resultDigest, CloseReason.Verdict);
        return (true, fee);
    }

    function _closeClaim(
        ClaimedLease calldata lease,
        Outcome outcome,
        uint256 pay,
        bytes32 resultDigest,
        CloseReason reason
    ) private {
        _claims[lease.leaseId].state = ClaimState.Closed;
        _addFees(_closeOne(lease.leaseId, lease.first, lease.second, outcome, pay, resultDigest, reason));
    }

    function _returnBond(ClaimedLease calldata lease, StoredWord storage account, address to, uint64 bond) private {
        account.word += bond;
        emit BondReturned(lease.leaseId, to, bond);
    }

    /// @dev The evidence does not say the pay, so nobody else may choose it: the renter has the evidence, too, and would
    /// claim next to nothing for the provider and release it at once. An agent shows what it ran, the provider need not.
    function _requireEvidence(
        address provider,
        address agent,
        Attestation calldata attestation,
        bytes calldata signature
    ) private view {
        if (msg.sender == provider) return;
        if (!isAgent[provider][msg.sender]) revert NotProvider(msg.sender, provider);
        if (agent != provider && !isAgent[provider][agent]) revert InvalidSignature(agent);
        _requireSigned(agent, MessageLib.hashAttestation(attestation), signature);
    }

    function _requireClaim(ClaimedLease calldata lease, ClaimState expected) private view returns (Claim memory found) {
        found = _claims[lease.leaseId];
        if (found.state != expected) revert WrongClaimState(lease.leaseId, found.state);
        if (found.termsDigest != _termsDigest(lease.first, lease.second)) revert WrongTerms(lease.leaseId);
    }

    function _termsDigest(uint256 first, uint256 second) private pure returns (bytes32) {
        return keccak256(abi.encode(first, second));
    }

    function _ceilBond(uint256 pay) private pure returns (uint256) {
        return (pay * DISPUTE_BOND_BPS + BPS - 1) / BPS;
    }
}
