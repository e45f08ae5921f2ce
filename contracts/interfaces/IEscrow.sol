// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title IEscrow
/// @notice Holds renters' USDC; opens, settles and refunds leases. This file is the manual: structs, errors, events.
/// @dev Money is micro-USDC (the token's base unit), time is unix seconds, MB is 10^6 bytes, Gfuel is 10^9 wasmtime
/// fuel, bps are 1/10,000. Orders, verdicts and receipts are EIP-712 messages of the domain
/// ("ComputeHive", "1", chain id, this contract).
///
/// Leases are opened in groups of at most 32, each stored as one word: 224 bits of a commitment to the terms of its
/// leases, 32 bits saying which of them are open. The terms themselves are in {LeasesOpened}, and whoever closes a lease
/// hands them in again (`GroupTerms`). An account is one word, too. `docs/decisions` says what that saves.
///
/// Assumptions that safety needs: the token moves exactly the amount it was told to (fee-on-transfer tokens are
/// refused at deposit) and does not change balances by itself; k members of the committee do not collude.
/// Assumptions that liveness needs: the token is not paused and has not blacklisted this contract.
interface IEscrow {
    // ------------------------------------------------------------------------------------------------- types

    /// @notice A signed ask, packed. The EIP-712 message is
    /// `Ask(address provider,address market,address agent,bytes32 profileDigest,uint48 gpuHourRate,uint48 vcpuHourRate,
    /// uint48 gbHourRate,uint48 gfuelRate,uint48 egressGbRate,uint64 minimumCharge,uint16 units,uint40 validUntil,
    /// uint32 salt)`; its market is the caller of `open`.
    /// @param r First half of the EIP-2098 signature; of an ERC-1271 account's, its index in `signatures`.
    /// @param vs Second half of the EIP-2098 signature; 0 where `signatures` has it.
    /// @param profileDigest SHA-256 of the node profile's canonical JSON.
    /// @param offer From the lowest bit: provider 160, validUntil 40, salt 32.
    /// @param agentAndMinimum From the lowest bit: agent 160, minimumCharge 64.
    /// @param rates From the lowest bit, 48 each: gpuHour, vcpuHour, gbHour, gfuel, egressGb; then units 16.
    struct SignedAsk {
        bytes32 r;
        bytes32 vs;
        bytes32 profileDigest;
        uint256 offer;
        uint256 agentAndMinimum;
        uint256 rates;
    }

    /// @notice A signed bid and the match it goes into, packed. The EIP-712 message is
    /// `Bid(address renter,address market,bytes32 jobDigest,uint16 gpus,uint16 vcpus,uint32 memoryMb,
    /// uint32 durationSeconds,uint64 fuel,uint32 egressMb,uint64 maxPrice,uint8 replicas,uint8 verification,
    /// uint8 settlement,uint40 deadline,uint40 validUntil,uint48 salt)`; its market is the caller of `open`.
    /// @param r First half of the EIP-2098 signature; of an ERC-1271 account's, its index in `signatures`.
    /// @param vs Second half of the EIP-2098 signature; 0 where `signatures` has it.
    /// @param jobDigest SHA-256 of the job specification's canonical JSON.
    /// @param resources From the lowest bit: index of the renter 16, index of the ask 16, gpus 16, vcpus 16, memoryMb 32,
    /// durationSeconds 32, fuel 64, egressMb 32, replicas 8, verification 8, settlement 8.
    /// @param terms From the lowest bit: maxPrice 64, price 64, deadline 40, validUntil 40, salt 48.
    struct SignedBid {
        bytes32 r;
        bytes32 vs;
        bytes32 jobDigest;
        uint256 resources;
        uint256 terms;
    }

    /// @notice A group of leases as {LeasesOpened} told it, and which of them are meant.
    /// @param group Its number; a market numbers its groups and may use a number again once all its leases are closed.
    /// @param chosen Bit i: the i-th lease is meant.
    /// @param bidsDigest `keccak256` of the bid hashes, concatenated.
    /// @param terms Two words a lease, as in {LeasesOpened}.
    struct GroupTerms {
        uint256 group;
        uint256 chosen;
        bytes32 bidsDigest;
        uint256[] terms;
    }

    /// @notice A claimed lease: its id and its two words of {LeasesOpened}.
    struct ClaimedLease {
        bytes32 leaseId;
        uint256 first;
        uint256 second;
    }

    /// @notice The committee as it was announced, and which of its members signed: bit i for the i-th.
    struct Quorum {
        uint256 epoch;
        uint256 threshold;
        address[] members;
        uint256 signers;
    }

    /// @notice The agent's evidence of what it ran.
    struct Attestation {
        bytes32 leaseId;
        bytes32 jobDigest;
        bytes32 resultDigest;
        uint64 fuel;
        uint32 wallSeconds;
        uint64 egressBytes;
        uint8 exitKind;
        int32 exitCode;
        bytes32 sandboxDigest;
        uint64 startedAt;
        uint64 finishedAt;
    }

    /// @notice The renter's acceptance of a result for a gross pay.
    struct Receipt {
        bytes32 leaseId;
        uint64 pay;
        bytes32 resultDigest;
    }

    /// @notice Voids the signer's orders: the bid with this salt, or every bid or ask with a smaller one.
    struct Cancel {
        address signer;
        CancelKind kind;
        uint48 salt;
    }

    /// @notice What a cancel voids.
    enum CancelKind {
        Bid,
        BidsBefore,
        AsksBefore
    }

    /// @notice How a lease ended.
    enum Outcome {
        None,
        Paid,
        Failed,
        Fraud
    }

    /// @notice Which call ended a lease.
    enum CloseReason {
        Verdict,
        Receipt,
        Deadline,
        ClaimReleased,
        DisputeExpired
    }

    /// @notice Where a claimed lease is.
    enum ClaimState {
        None,
        Claimed,
        Disputed,
        Closed
    }

    /// @notice A claim as stored. `until` is when the window (Claimed) or the dispute (Disputed) ends.
    struct Claim {
        ClaimState state;
        uint64 pay;
        uint40 until;
        uint64 bond;
        bytes32 termsDigest;
    }

    /// @notice Why a match was left out of a batch: each is something a party can bring about after the market looked.
    enum SkipReason {
        None,
        AskExpired,
        AskCancelled,
        AskSignature,
        Quote,
        BidExpired,
        BidSignature,
        Balance,
        SaltUsed,
        Cover,
        Units,
        Replicas,
        Settlement
    }

    /// @notice A renter's account: `free` can be withdrawn or bid with. Bids with a salt below `saltBase` are void; bit i
    /// of `window`: salt `saltBase + i` is used or cancelled.
    struct RenterAccount {
        uint64 free;
        uint48 saltBase;
        uint144 window;
    }

    /// @notice A provider's account. `earned` is net pay ever, `withdrawn` the part already paid out; `cover` is its bond,
    /// `covered` the part that open leases need; asks with a salt below `askSalt` are void. The counters stop at their
    /// type's greatest value.
    struct ProviderAccount {
        uint56 earned;
        uint48 cover;
        uint48 covered;
        uint16 openLeases;
        uint32 askSalt;
        uint24 settled;
        uint16 failed;
        uint16 expired;
        uint8 frauds;
        uint256 withdrawn;
    }

    // ------------------------------------------------------------------------------------------------ errors

    error ZeroAmount();
    error ZeroAddress();
    error EmptyBatch();
    error OpeningIsPaused();
    error NothingOpened(SkipReason first);
    error NothingClosed();
    /// @notice The number still has open leases.
    error GroupInUse(address market, uint256 group);
    /// @notice These are not the terms that the group was opened with.
    error WrongGroup(address market, uint256 group);
    error InvalidSignature(address signer);
    error InsufficientBalance(address account, uint256 available, uint256 needed);
    error LeaseNotOpen(bytes32 leaseId);
    error NotOneLease(uint256 chosen);
    error PayAboveLock(uint256 pay, uint256 locked);
    /// @notice A receipt for less than the lock is the renter's wish; the provider agrees to it by submitting it.
    error ReceiptNeedsProvider(address caller, address provider);
    error DeadlinePassed(uint64 deadline, uint256 timestamp);
    error DeadlineNotPassed(uint64 deadline, uint256 timestamp);
    error NotRenter(address caller, address renter);
    error NotProvider(address caller, address provider);
    error NotCompleted(uint8 exitKind);
    error WrongClaimState(bytes32 leaseId, ClaimState state);
    /// @notice These are not the terms of the claimed lease.
    error WrongTerms(bytes32 leaseId);
    error WindowOver(uint64 until, uint256 timestamp);
    error WindowNotOver(uint64 until, uint256 timestamp);
    error FeeAboveCap(uint256 feeBps, uint256 cap);
    error NotProviderStake(address caller);
    error InsufficientCover(address provider, uint256 available, uint256 needed);
    /// @notice An amount that the account's word cannot hold.
    error AmountTooLarge(uint256 amount, uint256 largest);
    error ArrayLengths(uint256 expected, uint256 actual);
    /// @notice The token moved another amount than it was told to.
    error TransferMismatch(uint256 expected, uint256 received);

    // ------------------------------------------------------------------------------------------------ events

    event Deposited(address indexed account, address indexed from, uint256 amount);
    /// @notice `fromFree + fromEarned` moved out.
    event Withdrawn(address indexed account, uint256 fromFree, uint256 fromEarned);
    /// @notice A group of leases opened; `roundDigest` names the transcript that justifies their prices.
    /// @param bidHashes One a lease: the EIP-712 struct hash of its bid.
    /// @param terms Two words a lease, each from the lowest bit. First: renter 160, deadline 40, salt of the bid 48. Second:
    /// provider 160, price 64, feeBps 16. The price is locked, and it is the penalty.
    /// The id of the i-th lease is `keccak256(commitment, i)`, both as words, with
    /// `commitment = keccak256(keccak256(bidHashes), keccak256(terms))`, arrays as their words one after another.
    event LeasesOpened(
        address indexed market,
        uint256 indexed group,
        bytes32 indexed roundDigest,
        bytes32[] bidHashes,
        uint256[] terms
    );
    /// @notice The `index`-th match of a batch was left out.
    event MatchSkipped(uint256 indexed index, SkipReason reason);
    /// @notice Verdicts closed leases. `closed` names them: group number in the upper 224 bits, bits of its leases below.
    /// @param signers Bit i: the i-th member of the committee of this epoch signed.
    /// @param outcomes Three a word of 80 bits each from the lowest: gross pay 64, outcome 8.
    /// @param resultDigests One a verdict. A verdict on a lease that was closed already, or one that cannot be
    /// (more than the lock, an unknown outcome), counts for nothing: its bit in `closed` is not set.
    event LeasesSettled(
        address indexed market,
        uint256 indexed epoch,
        uint256 signers,
        uint256[] closed,
        uint256[] chosen,
        uint256[] outcomes,
        bytes32[] resultDigests
    );
    /// @notice One lease closed otherwise than by a batch of verdicts. `paid + fee + refund` is what it had locked.
    event LeaseClosed(
        bytes32 indexed leaseId,
        address indexed renter,
        address indexed provider,
        Outcome outcome,
        uint64 paid,
        uint64 fee,
        uint64 refund,
        bytes32 resultDigest,
        CloseReason reason
    );
    event LeaseClaimed(
        bytes32 indexed leaseId,
        address indexed renter,
        address indexed provider,
        uint64 pay,
        bytes32 resultDigest,
        uint40 until,
        uint256 first,
        uint256 second
    );
    /// @notice Verdicts closed claimed leases; `fees` of them all are shared with the members that signed.
    /// @param signers Bit i: the i-th member of the committee of this epoch signed.
    event ClaimsSettled(uint256 indexed epoch, uint256 signers, uint256 fees);
    event LeaseDisputed(bytes32 indexed leaseId, address indexed renter, uint64 bond, uint40 until);
    /// @notice A dispute ended: the bond went to `to`.
    event BondReturned(bytes32 indexed leaseId, address indexed to, uint64 bond);
    /// @notice A slashed penalty was credited to the renter it harmed.
    event Slashed(bytes32 indexed leaseId, address indexed provider, address indexed renter, uint64 amount);
    event OrdersCancelled(address indexed signer, CancelKind kind, uint48 salt);
    event AgentSet(address indexed provider, address indexed agent, bool allowed);
    event CoverChanged(address indexed provider, uint256 cover);
    event FeeChanged(uint16 feeBps);
    event TreasuryChanged(address treasury);
    event OpeningPaused(bool paused);
    event FeesWithdrawn(address indexed treasury, uint256 indexed epoch, uint256 amount);
    event OracleFeeCredited(address indexed member, uint256 indexed epoch, uint256 amount);
}
