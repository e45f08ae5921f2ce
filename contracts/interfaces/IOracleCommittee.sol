// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title IOracleCommittee
/// @notice Who may sign verdicts, how many of them must, and what they lose if they contradict themselves.
/// @dev The escrow reads one word, the hash of the committee; whoever settles hands the members in. A member's bond stays
/// while it is in the committee, and for the delay after it asked for it back.
interface IOracleCommittee {
    /// @notice A batch of verdicts as a member signed it: EIP-712 `VerdictBatch` of the escrow's domain.
    struct SignedBatch {
        bytes32[] leaseIds;
        uint256[] outcomes;
        bytes32[] resultDigests;
        bytes32 r;
        bytes32 vs;
    }

    /// @notice A verdict that a member sealed, opened: the EIP-712 `VerdictSeal` of the escrow's domain that it signed holds
    /// `keccak256(abi.encode(leaseId, member, outcome, pay, resultDigest, secret))`, which nothing else opens.
    struct OpenedSeal {
        bytes32 leaseId;
        uint8 outcome;
        uint64 pay;
        bytes32 resultDigest;
        bytes32 secret;
        bytes32 r;
        bytes32 vs;
    }

    /// @notice A member's bond, micro-USDC. `unbonding` can be withdrawn from `withdrawableAt` on, slashed until it was.
    struct OracleBond {
        uint96 active;
        uint96 unbonding;
        uint40 withdrawableAt;
    }

    error TooFewSignatures(uint256 given, uint256 threshold);
    error NotSigned(address member);
    /// @notice A bit beyond the members.
    error UnknownSigners(uint256 signers);
    /// @notice These members and this threshold are not the committee of the epoch.
    error WrongCommittee(bytes32 expected, bytes32 given);
    error InvalidThreshold(uint256 threshold, uint256 members);
    error TooManyMembers(uint256 members, uint256 most);
    error MembersNotAscending(address previous, address member);
    error BondTooSmall(address member, uint256 bond, uint256 minimum);
    error AlreadyStarted();
    error BondZeroAmount();
    /// @notice `available` is what of its bond the member need not keep.
    error BondInsufficient(address member, uint256 available, uint256 needed);
    error BondStillLocked(uint256 withdrawableAt, uint256 timestamp);
    error BondTransferMismatch(uint256 expected, uint256 received);
    error NotContradicting(bytes32 leaseId);
    error NothingToSlash(address member);
    error NotMember(address caller);

    event CommitteeChanged(uint256 indexed epoch, address[] members, uint8 threshold);
    event Bonded(address indexed member, address indexed from, uint256 amount);
    event BondUnbonding(address indexed member, uint256 amount, uint64 withdrawableAt);
    event BondWithdrawn(address indexed member, uint256 amount);
    /// @notice `member` signed, or sealed and signed, two outcomes for one lease. `reward` went to `reporter`, the rest is the
    /// treasury's.
    event ContradictionReported(
        address indexed member, bytes32 indexed leaseId, address indexed reporter, uint256 slashed, uint256 reward
    );
    /// @notice What slashed bonds had left for the treasury went there.
    event SlashedSent(address indexed treasury, uint256 amount);

    /// @notice Lets the first committee begin once all its members have bonded. Anyone may call.
    /// @dev Emits {CommitteeChanged}.
    function start() external;

    /// @notice Replaces the committee. Only the owner (a timelock).
    /// @dev Emits {CommitteeChanged}. Requirements: members ascend, none is zero, at most MAX_MEMBERS, all bonded;
    /// 0 < threshold <= members.
    function setCommittee(address[] calldata members, uint8 threshold) external;

    /// @notice Puts the caller out of the committee at once, so that it can unbond everything, whatever governance does or
    /// omits. If fewer than the threshold remain, nothing is settled by verdicts until governance sets a new committee,
    /// as if the member had fallen silent.
    /// @dev Emits {CommitteeChanged}. Only a member.
    function resign() external;

    /// @notice Moves USDC of the caller, who has approved it, into a member's bond. Anyone can bond before it is a member.
    /// @dev Emits {Bonded}.
    function bondFor(address member, uint256 amount) external;

    /// @notice Starts the delay for `amount` of the caller's bond; a member keeps the minimum.
    /// @dev Emits {BondUnbonding}. A second call adds and restarts the delay.
    function unbond(uint256 amount) external;

    /// @notice Pays out what has finished unbonding.
    /// @dev Emits {BondWithdrawn}.
    function withdrawBond() external;

    /// @notice Takes the whole bond of a member that signed two different outcomes, pays or results for one lease, and puts
    /// it out of the committee if the rest is still enough. A tenth goes to the caller, the rest is the escrow's treasury's
    /// to be fetched: a treasury that the token bars must not save a bond.
    /// @param i Where the lease is in `a`.
    /// @param j Where it is in `b`.
    /// @dev Emits {ContradictionReported}, and {CommitteeChanged} if the member was one.
    function reportContradiction(address member, SignedBatch calldata a, uint256 i, SignedBatch calldata b, uint256 j)
        external;

    /// @notice The same for a member that sealed one verdict for a lease and signed a batch that says another.
    /// @param index Where the lease is in `batch`.
    /// @dev Emits {ContradictionReported}, and {CommitteeChanged} if the member was one.
    function reportBrokenSeal(address member, OpenedSeal calldata seal, SignedBatch calldata batch, uint256 index)
        external;

    /// @notice Sends what slashed bonds left to the escrow's treasury. Anyone may call.
    /// @dev Emits {SlashedSent}.
    function sendSlashed() external;

    /// @notice What slashed bonds left for the treasury and was not sent yet, micro-USDC.
    function slashed() external view returns (uint256);

    /// @notice `keccak256(abi.encode(epoch, threshold, members))` of the current committee; 0 before the first began.
    function quorumHash() external view returns (bytes32);

    /// @notice The same of any epoch.
    function quorumHashOf(uint256 epoch) external view returns (bytes32);

    /// @notice The members, ascending.
    function members() external view returns (address[] memory);

    /// @notice How many signatures a batch needs.
    function threshold() external view returns (uint8);

    /// @notice How often the committee was set.
    function epoch() external view returns (uint256);

    /// @notice Whether an account is a member now.
    function isMember(address account) external view returns (bool);

    /// @notice A member's bond.
    function bondOf(address member) external view returns (OracleBond memory);
}
