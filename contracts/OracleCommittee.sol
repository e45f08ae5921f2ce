// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IEscrowDomain} from "./interfaces/IEscrowDomain.sol";
import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";
import {MessageLib} from "./libraries/MessageLib.sol";
import {QuorumLib} from "./libraries/QuorumLib.sol";
import {SignatureLib} from "./libraries/SignatureLib.sol";

/// @title OracleCommittee
/// @notice Who may sign verdicts, how many must, and their bonds. See {IOracleCommittee}.
contract OracleCommittee is IOracleCommittee, Ownable2Step, ReentrancyGuard {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

    uint256 public constant MAX_MEMBERS = 32;
    /// @notice What of a slashed bond its reporter gets.
    uint256 public constant REPORTER_BPS = 1_000;
    uint256 private constant BPS = 10_000;

    IERC20 public immutable token;
    IEscrowDomain public immutable escrow;
    /// @notice What every member has at stake, micro-USDC.
    uint256 public immutable minimumBond;
    /// @notice Seconds between `unbond` and `withdrawBond`: as long can a contradiction be reported.
    uint40 public immutable bondDelay;

    /// @inheritdoc IOracleCommittee
    bytes32 public quorumHash;
    /// @inheritdoc IOracleCommittee
    uint8 public threshold;
    /// @inheritdoc IOracleCommittee
    uint256 public epoch;
    /// @inheritdoc IOracleCommittee
    mapping(uint256 epoch => bytes32) public quorumHashOf;
    /// @inheritdoc IOracleCommittee
    uint256 public slashed;
    address[] private _members;
    mapping(address account => uint256 epoch) private _memberSince;
    mapping(address member => OracleBond) private _bonds;

    constructor(
        IERC20 token_,
        IEscrowDomain escrow_,
        address[] memory members_,
        uint8 threshold_,
        uint256 minimumBond_,
        uint40 bondDelay_,
        address owner_
    ) Ownable(owner_) {
        token = token_;
        escrow = escrow_;
        minimumBond = minimumBond_;
        bondDelay = bondDelay_;
        _requireWellFormed(members_, threshold_);
        _members = members_;
        threshold = threshold_;
    }

    // ------------------------------------------------------------------------------------------------ committee

    /// @inheritdoc IOracleCommittee
    function start() external {
        if (epoch != 0) revert AlreadyStarted();
        _set(_members, threshold);
    }

    /// @inheritdoc IOracleCommittee
    function setCommittee(address[] calldata members_, uint8 threshold_) external onlyOwner {
        _set(members_, threshold_);
    }

    /// @inheritdoc IOracleCommittee
    function resign() external {
        if (!isMember(msg.sender)) revert NotMember(msg.sender);
        _installWithout(msg.sender);
    }

    // --------------------------------------------------------------------------------------------------- bonds

    /// @inheritdoc IOracleCommittee
    function bondFor(address member, uint256 amount) external nonReentrant {
        if (amount == 0) revert BondZeroAmount();
        _bonds[member].active += amount.toUint96();
        emit Bonded(member, msg.sender, amount);
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != amount) revert BondTransferMismatch(amount, received);
    }

    /// @inheritdoc IOracleCommittee
    function unbond(uint256 amount) external {
        if (amount == 0) revert BondZeroAmount();
        OracleBond storage own = _bonds[msg.sender];
        uint256 kept = isMember(msg.sender) ? minimumBond : 0;
        uint256 available = own.active > kept ? own.active - kept : 0;
        if (amount > available) revert BondInsufficient(msg.sender, available, amount);
        own.active -= amount.toUint96();
        own.unbonding += amount.toUint96();
        own.withdrawableAt = uint40(block.timestamp) + bondDelay;
        emit BondUnbonding(msg.sender, amount, own.withdrawableAt);
    }

    /// @inheritdoc IOracleCommittee
    function withdrawBond() external nonReentrant {
        OracleBond storage own = _bonds[msg.sender];
        uint256 amount = own.unbonding;
        if (amount == 0) revert BondZeroAmount();
        if (block.timestamp < own.withdrawableAt) revert BondStillLocked(own.withdrawableAt, block.timestamp);
        own.unbonding = 0;
        emit BondWithdrawn(msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IOracleCommittee
    function reportContradiction(address member, SignedBatch calldata a, uint256 i, SignedBatch calldata b, uint256 j)
        external
        nonReentrant
    {
        bytes32 leaseId = a.leaseIds[i];
        bool sameLease = leaseId == b.leaseIds[j];
        bool sameVerdict =
            _outcomeAt(a.outcomes, i) == _outcomeAt(b.outcomes, j) && a.resultDigests[i] == b.resultDigests[j];
        if (!sameLease || sameVerdict) revert NotContradicting(leaseId);
        _requireSignedBy(member, a);
        _requireSignedBy(member, b);
        _slash(member, leaseId);
    }

    /// @inheritdoc IOracleCommittee
    function reportBrokenSeal(address member, OpenedSeal calldata seal, SignedBatch calldata batch, uint256 index)
        external
        nonReentrant
    {
        uint256 sealedOutcome = uint256(seal.outcome) << 64 | seal.pay;
        bool sameLease = seal.leaseId == batch.leaseIds[index];
        bool sameVerdict =
            sealedOutcome == _outcomeAt(batch.outcomes, index) && seal.resultDigest == batch.resultDigests[index];
        if (!sameLease || sameVerdict) revert NotContradicting(seal.leaseId);
        bytes32 structHash = MessageLib.hashVerdictSeal(
            seal.leaseId,
            MessageLib.commitVerdict(
                member, seal.leaseId, seal.outcome, seal.pay, seal.resultDigest, seal.secret
            )
        );
        if (!SignatureLib.isSignedBy(member, escrow.digestOf(structHash), seal.r, seal.vs)) revert NotSigned(member);
        _requireSignedBy(member, batch);
        _slash(member, seal.leaseId);
    }

    /// @inheritdoc IOracleCommittee
    function sendSlashed() external nonReentrant {
        uint256 amount = slashed;
        if (amount == 0) revert BondZeroAmount();
        slashed = 0;
        address treasury = escrow.treasury();
        emit SlashedSent(treasury, amount);
        token.safeTransfer(treasury, amount);
    }

    // --------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IOracleCommittee
    function members() external view returns (address[] memory) {
        return _members;
    }

    /// @inheritdoc IOracleCommittee
    function isMember(address account) public view returns (bool) {
        return epoch != 0 && _memberSince[account] == epoch;
    }

    /// @inheritdoc IOracleCommittee
    function bondOf(address member) external view returns (OracleBond memory) {
        return _bonds[member];
    }

    // ----------------------------------------------------------------------------------------------- internals

    /// @dev Membership carries the epoch it was given in, so that a rotation retires everybody at once.
    function _set(address[] memory members_, uint8 threshold_) private {
        _requireWellFormed(members_, threshold_);
        for (uint256 i = 0; i < members_.length; ++i) {
            uint256 active = _bonds[members_[i]].active;
            if (active < minimumBond) revert BondTooSmall(members_[i], active, minimumBond);
        }
        _install(members_, threshold_);
    }

    function _install(address[] memory members_, uint8 threshold_) private {
        ++epoch;
        for (uint256 i = 0; i < members_.length; ++i) {
            _memberSince[members_[i]] = epoch;
        }
        _members = members_;
        threshold = threshold_;
        quorumHash = QuorumLib.hashCommittee(epoch, threshold_, members_);
        quorumHashOf[epoch] = quorumHash;
        emit CommitteeChanged(epoch, members_, threshold_);
    }

    function _slash(address member, bytes32 leaseId) private {
        OracleBond storage own = _bonds[member];
        uint256 bond = uint256(own.active) + own.unbonding;
        if (bond == 0) revert NothingToSlash(member);
        delete _bonds[member];
        // With fewer members than the threshold nothing could be settled: then it stays, without a bond, until rotated.
        if (isMember(member) && _members.length > threshold) _installWithout(member);
        uint256 reward = bond * REPORTER_BPS / BPS;
        slashed += bond - reward;
        emit ContradictionReported(member, leaseId, msg.sender, bond, reward);
        token.safeTransfer(msg.sender, reward);
    }

    function _installWithout(address member) private {
        uint256 count = _members.length;
        address[] memory rest = new address[](count - 1);
        uint256 kept = 0;
        for (uint256 i = 0; i < count; ++i) {
            if (_members[i] != member) rest[kept++] = _members[i];
        }
        _install(rest, threshold);
    }

    function _requireSignedBy(address member, SignedBatch calldata batch) private view {
        bytes32 structHash = MessageLib.hashVerdictBatch(batch.leaseIds, batch.outcomes, batch.resultDigests);
        if (!SignatureLib.isSignedBy(member, escrow.digestOf(structHash), batch.r, batch.vs)) revert NotSigned(member);
    }

    function _requireWellFormed(address[] memory members_, uint8 threshold_) private pure {
        if (threshold_ == 0 || threshold_ > members_.length) revert InvalidThreshold(threshold_, members_.length);
        if (members_.length > MAX_MEMBERS) revert TooManyMembers(members_.length, MAX_MEMBERS);
        address previous = address(0);
        for (uint256 i = 0; i < members_.length; ++i) {
            if (members_[i] <= previous) revert MembersNotAscending(previous, members_[i]);
            previous = members_[i];
        }
    }

    /// @dev Pay and outcome; the last 8 of a verdict's 80 bits mean nothing.
    function _outcomeAt(uint256[] calldata outcomes, uint256 index) private pure returns (uint256) {
        return uint72(outcomes[index / 3] >> (index % 3) * 80);
    }
}
