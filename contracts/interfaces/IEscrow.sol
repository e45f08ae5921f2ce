// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title IEscrow
/// @notice Holds renters' USDC; opens, settles and refunds leases. This file is the manual: structs, errors, events.
/// @dev Money is micro-USDC (the token's base unit), time is unix seconds, MB is 10^6 bytes, Gfuel is 10^9 wasmtime
/// fuel, bps are 1/10,000. Orders, verdicts and receipts are EIP-712 messages of the domain
/// ("ComputeHive", "1", chain id, this contract).
///
/// Assumptions that safety needs: the token moves exactly the amount it was told to (fee-on-transfer tokens are
/// refused at deposit) and does not change balances by itself; k members of the committee do not collude.
/// Assumptions that liveness needs: the token is not paused and has not blacklisted this contract.
interface IEscrow {
    // ------------------------------------------------------------------------------------------------- types

    /// @notice A provider's signed offer of capacity.
    /// @param provider Who is paid and whose stake covers the leases; an EOA or an ERC-1271 account.
    /// @param market The only account that may match this order.
    /// @param agent The key that will sign attestations.
    /// @param profileDigest SHA-256 of the node profile's canonical JSON.
    /// @param gpuHourRate Micro-USDC per GPU-hour.
    /// @param vcpuHourRate Micro-USDC per vCPU-hour.
    /// @param gbHourRate Micro-USDC per GB-hour of memory.
    /// @param gfuelRate Micro-USDC per Gfuel.
    /// @param egressGbRate Micro-USDC per GB sent out.
    /// @param minimumCharge Least gross pay of a paid lease, micro-USDC.
    /// @param units How many leases of this ask may be open at once.
    /// @param validUntil Last second at which the ask may be matched.
    /// @param salt Makes the order unique and cancellable.
    struct Ask {
        address provider;
        address market;
        address agent;
        bytes32 profileDigest;
        uint64 gpuHourRate;
        uint64 vcpuHourRate;
        uint64 gbHourRate;
        uint64 gfuelRate;
        uint64 egressGbRate;
        uint64 minimumCharge;
        uint32 units;
        uint64 validUntil;
        uint256 salt;
    }

    /// @notice A renter's signed offer to pay for one job.
    /// @param renter Whose free balance is locked; an EOA or an ERC-1271 account.
    /// @param market The only account that may match this order.
    /// @param jobDigest SHA-256 of the job specification's canonical JSON.
    /// @param gpus Whole GPUs.
    /// @param vcpus Virtual CPUs.
    /// @param memoryMb Memory, MB.
    /// @param durationSeconds Longest run, seconds.
    /// @param fuel Most wasmtime fuel.
    /// @param egressMb Most bytes of outputs and logs, MB.
    /// @param maxPrice The most one replica may lock, micro-USDC.
    /// @param replicas How many leases, each with another provider.
    /// @param verification 0 reexecute, 1 replicate, 2 accept, 3 attested.
    /// @param deadline When the result must be there; afterwards anyone may refund.
    /// @param validUntil Last second at which the bid may be matched.
    /// @param salt Makes the order unique and cancellable.
    struct Bid {
        address renter;
        address market;
        bytes32 jobDigest;
        uint16 gpus;
        uint16 vcpus;
        uint32 memoryMb;
        uint32 durationSeconds;
        uint64 fuel;
        uint32 egressMb;
        uint64 maxPrice;
        uint8 replicas;
        uint8 verification;
        uint64 deadline;
        uint64 validUntil;
        uint256 salt;
    }

    /// @notice Two signed orders and the price at which they meet.
    struct Match {
        Bid bid;
        bytes bidSignature;
        Ask ask;
        bytes askSignature;
        uint64 price;
    }

    /// @notice What the oracles decided about a lease; `pay` is gross of the fee, micro-USDC.
    struct Verdict {
        bytes32 leaseId;
        uint8 outcome;
        uint64 pay;
        bytes32 resultDigest;
    }

    /// @notice The agent's evidence of what it ran. Oracles check it; the contract only hashes it.
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

    /// @notice Voids the signer's order with this salt, or every order with a smaller one.
    struct Cancel {
        address signer;
        uint256 salt;
        bool allBefore;
    }

    /// @notice Where a lease is. New states are appended.
    enum LeaseState {
        None,
        Open,
        Closed
    }

    /// @notice How a lease ended.
    enum Outcome {
        None,
        Paid,
        Failed,
        Fraud
    }

    /// @notice Which call ended it.
    enum CloseReason {
        Verdict,
        Receipt,
        Deadline
    }

    /// @notice A lease as stored. Its penalty is `locked * PENALTY_BPS / 10,000`.
    struct Lease {
        address renter;
        uint64 locked;
        uint16 feeBps;
        LeaseState state;
        address provider;
        uint64 deadline;
        bytes32 askHash;
    }

    // ------------------------------------------------------------------------------------------------ errors

    error ZeroAmount();
    error ZeroAddress();
    error EmptyBatch();
    error OpeningIsPaused();
    /// @notice The order names another market than the caller.
    error NotMarket(address caller, address market);
    error NoReplicas();
    error UnknownVerification(uint8 verification);
    error OrderExpired(uint64 validUntil, uint256 timestamp);
    error DeadlinePassed(uint64 deadline, uint256 timestamp);
    error OrderIsCancelled(address signer, uint256 salt);
    error InvalidSignature(address signer);
    error PriceBelowQuote(uint256 price, uint256 quote);
    error PriceAboveMax(uint256 price, uint256 maxPrice);
    error BidIsFilled(bytes32 bidHash, uint256 replicas);
    error AskIsFull(bytes32 askHash, uint256 units);
    /// @notice One bid has at most one lease with one provider.
    error LeaseExists(bytes32 leaseId);
    error InsufficientBalance(address account, uint256 free, uint256 needed);
    error LeaseNotOpen(bytes32 leaseId, LeaseState state);
    error UnknownOutcome(uint8 outcome);
    error PayAboveLock(uint256 pay, uint256 locked);
    error PayWithoutResult(uint8 outcome, uint256 pay);
    /// @notice A receipt for less than the lock is the renter's wish; the provider agrees to it by submitting it.
    error ReceiptNeedsProvider(address caller, address provider);
    error DeadlineNotPassed(uint64 deadline, uint256 timestamp);
    error FeeAboveCap(uint256 feeBps, uint256 cap);
    /// @notice The token moved another amount than it was told to.
    error TransferMismatch(uint256 expected, uint256 received);

    // ------------------------------------------------------------------------------------------------ events

    event Deposited(address indexed account, uint256 amount);
    event Withdrawn(address indexed account, uint256 amount);
    /// @notice A batch of leases opened; `roundDigest` names the transcript that justifies their prices.
    event RoundOpened(address indexed market, bytes32 indexed roundDigest, uint256 count);
    event LeaseOpened(
        bytes32 indexed leaseId,
        address indexed renter,
        address indexed provider,
        address market,
        address agent,
        bytes32 bidHash,
        bytes32 askHash,
        bytes32 jobDigest,
        uint64 price,
        uint64 penalty,
        uint16 feeBps,
        uint64 deadline,
        bytes32 roundDigest
    );
    /// @notice `paid + fee + refund` is what the lease had locked.
    event LeaseClosed(
        bytes32 indexed leaseId,
        Outcome outcome,
        uint64 paid,
        uint64 fee,
        uint64 refund,
        bytes32 resultDigest,
        CloseReason reason
    );
    /// @notice A slashed penalty was credited to the renter it harmed.
    event Compensated(bytes32 indexed leaseId, address indexed renter, uint64 amount);
    event OrderCancelled(address indexed signer, uint256 salt);
    event OrdersCancelledBefore(address indexed signer, uint256 salt);
    event FeeChanged(uint16 feeBps);
    event TreasuryChanged(address treasury);
    event OpeningPaused(bool paused);
    event FeesWithdrawn(address indexed treasury, uint256 amount);

    // ------------------------------------------------------------------------------------------------- money

    /// @notice Moves USDC of the caller, who has approved it, into the caller's free balance.
    /// @dev Emits {Deposited}. Requirements: amount > 0; the token delivers exactly `amount`.
    function deposit(uint256 amount) external;

    /// @notice Moves USDC of the caller's free balance out. Nothing can pause this.
    /// @dev Emits {Withdrawn}. Requirements: 0 < amount <= free balance.
    function withdraw(uint256 amount) external;

    /// @notice Sends the fees collected so far to the treasury. Anyone may call.
    /// @dev Emits {FeesWithdrawn}.
    function withdrawFees() external;

    // ------------------------------------------------------------------------------------------------ leases

    /// @notice Locks money and opens a lease for each match; all of them or none.
    /// @dev Emits {LeaseOpened} for each, then {RoundOpened}. Requirements, in this order, for each match: opening is
    /// not paused; the caller is the market both orders name; replicas > 0 and a known verification; neither order
    /// expired; the deadline ahead; neither cancelled; both signatures hold; quote <= price <= maxPrice; replicas and
    /// units left; the provider has no lease of this bid; renter's free balance >= price; provider's free stake >=
    /// penalty.
    function open(Match[] calldata matches, bytes32 roundDigest) external;

    /// @notice Closes leases as the oracles decided: pays, takes the fee, refunds, records, slashes fraud.
    /// @dev Emits {LeaseClosed} for each, {Compensated} for fraud. `signatures` are of k or more committee members over
    /// the EIP-712 `VerdictBatch`, ordered by ascending signer. Requirements: every lease is open; pay <= locked; pay == 0 unless paid.
    function settle(Verdict[] calldata verdicts, bytes[] calldata signatures) external;

    /// @notice Closes a lease as paid, as its renter signed. Anyone may submit a receipt for all that is locked, only
    /// the provider one for less: a renter alone cannot take back what a live lease has locked.
    /// @dev Emits {LeaseClosed}. Requirements: the lease is open; the renter signed; pay == locked, or pay < locked and
    /// the caller is the provider.
    function accept(Receipt calldata receipt, bytes calldata signature) external;

    /// @notice Returns the money of leases whose deadline has passed. Anyone may call; nothing can pause this.
    /// @dev Emits {LeaseClosed} for each and records a strike. Requirements: each lease is open, its deadline passed.
    function refund(bytes32[] calldata leaseIds) external;

    // ---------------------------------------------------------------------------------------------- cancelling

    /// @notice Voids the caller's order with this salt. An open lease goes on.
    /// @dev Emits {OrderCancelled}.
    function cancel(uint256 salt) external;

    /// @notice Voids every order of the caller with a smaller salt.
    /// @dev Emits {OrdersCancelledBefore}.
    function cancelBefore(uint256 salt) external;

    /// @notice The same for a signer who has no gas. Anyone who holds the signature may submit it.
    /// @dev Emits {OrderCancelled} or {OrdersCancelledBefore}.
    function cancelFor(Cancel calldata message, bytes calldata signature) external;

    // ---------------------------------------------------------------------------------------------- governance

    /// @notice Changes the fee of leases opened from now on.
    /// @dev Emits {FeeChanged}. Only the owner (a timelock); at most MAX_FEE_BPS.
    function setFee(uint16 feeBps) external;

    /// @notice Changes where fees go.
    /// @dev Emits {TreasuryChanged}. Only the owner.
    function setTreasury(address treasury) external;

    /// @notice Stops or resumes the opening of new leases, and nothing else.
    /// @dev Emits {OpeningPaused}. Only the owner.
    function setOpeningPaused(bool paused) external;

    // ------------------------------------------------------------------------------------------------- views

    /// @notice Money of `account` that it can withdraw now, micro-USDC.
    function free(address account) external view returns (uint256);

    /// @notice Fees collected and not yet sent to the treasury, micro-USDC.
    function fees() external view returns (uint256);

    /// @notice A lease; state None if there never was one.
    function lease(bytes32 leaseId) external view returns (Lease memory);

    /// @notice How many leases of a bid were opened, ever.
    function filled(bytes32 bidHash) external view returns (uint256);

    /// @notice How many leases of an ask are open now.
    function openUnits(bytes32 askHash) external view returns (uint256);

    /// @notice Whether the signer voided orders with this salt.
    function isCancelled(address signer, uint256 salt) external view returns (bool);

    /// @notice What the ask charges for the bid's resources, micro-USDC.
    function quote(Ask calldata ask, Bid calldata bid) external pure returns (uint256);

    /// @notice `keccak256(abi.encode(bidHash, provider))`.
    function leaseIdOf(bytes32 bidHash, address provider) external pure returns (bytes32);
}
