// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IDeposits} from "./IDeposits.sol";
import {IEscrow} from "./IEscrow.sol";
import {IFees} from "./IFees.sol";

/// @title IPrepaid
/// @notice Settles finished work without a lock, out of balances that renters have paid in beforehand. This file is the
/// manual: structs, errors, events, and for each function what it requires; of deposits {IDeposits} is, of fees {IFees}.
/// @dev Orders and verdicts are packed as {IEscrow} says. What takes a renter's money is signed for this contract, its
/// EIP-712 domain being "ComputeHive", "1", the chain and its address: bids to be settled here, allowances, netted batches;
/// and what oracles judge carries it in its name. So nothing that was settled here can be settled at another one again.
/// Asks, cancels and verdicts are signed for the escrow's domain: an ask serves every way of settling, and an oracle that
/// contradicts itself loses its bond here, too. A bid names one way of settling: 1 (prepaid) is settled by `settleWork`,
/// 2 (netted) by `settleNetted`, and 0 (escrowed) by {IEscrow} alone. `docs/explanation/settlement.md` says what each way
/// asks of whom.
///
/// What covers finished work is that nothing leaves at once: a renter's money goes out `withdrawalDelay` seconds after it
/// asked, an allowance ends no sooner after it was revoked, and a bid cannot be taken back on chain: it ends with its
/// deadline. What was asked for covers nothing from the time on at which it can leave: see `coverUntil`. What a provider
/// has earned it can withdraw at once. Nothing pauses a withdrawal.
interface IPrepaid is IDeposits, IFees {
    // ------------------------------------------------------------------------------------------------- types

    /// @notice Why a job was left out of a batch.
    enum Refusal {
        None,
        AskExpired,
        AskCancelled,
        AskSignature,
        Quote,
        BidExpired,
        BidSignature,
        Balance,
        SaltUsed,
        Replicas,
        Settlement,
        Verdict
    }

    /// @notice Allows the oracles' quorum to debit the signer: up to `cap` micro-USDC in all, counted from the first debit
    /// ever, for batches until `validUntil`. The one with the greatest salt counts.
    struct NettedAllowance {
        address renter;
        uint64 cap;
        uint40 validUntil;
        uint48 salt;
    }

    /// @notice Sums over many jobs.
    /// @param market Whose batch this is.
    /// @param number Counts the market's batches from 1: none can be missing, none can come twice.
    /// @param jobsRoot Root of the tree of jobs (RFC 9162 over SHA-256); see `docs/explanation/settlement.md`.
    /// @param dataDigest SHA-256 of the published document with all orders and verdicts.
    /// @param debits From the lowest bit: renter 160, amount 64, jobs 32.
    /// @param credits From the lowest bit: provider 160, amount 64, jobs 32. Net of the fee.
    struct NettedBatch {
        address market;
        uint256 number;
        bytes32 jobsRoot;
        bytes32 dataDigest;
        uint256[] debits;
        uint256[] credits;
    }

    /// @notice A renter's account. `balance` pays for work, all of it; of that `leaving` can go out from `leavesAt` on.
    /// Bids with a salt below `saltBase` are void; bit i of `window`: salt `saltBase + i` is used.
    struct RenterAccount {
        uint64 balance;
        uint64 leaving;
        uint40 leavesAt;
        uint48 saltBase;
        uint144 window;
    }

    /// @notice A renter and its account in one word, from the lowest bit: balance 64, saltBase 48, window 144.
    struct RenterWord {
        address renter;
        uint256 account;
    }

    /// @notice A provider's account: what it can withdraw, what it has earned ever (net of fees), asks below `askSalt` are
    /// void, and what became of its jobs. Volume and counters stop at their type's greatest value.
    struct ProviderAccount {
        uint64 balance;
        uint64 volume;
        uint32 askSalt;
        uint32 settled;
        uint32 failed;
        uint32 frauds;
    }

    /// @notice A renter's allowance: `spent` counts from the first debit ever.
    struct Allowance {
        uint64 cap;
        uint64 spent;
        uint40 validUntil;
        uint48 salt;
    }

    // ------------------------------------------------------------------------------------------------ errors

    error NothingSettled(Refusal first);
    /// @notice Each renter of a batch stands in its table once.
    error RentersNotAscending(address previous, address next);
    error WithdrawalDelayOutOfRange(uint40 delay, uint40 shortest, uint40 longest);
    error StillCovering(uint40 leavesAt, uint256 timestamp);
    /// @notice Only asks can be cancelled here: a bid that was worked for must be paid.
    error BidsNotCancellable();
    error AllowanceSaltUsed(address renter, uint48 last);
    /// @notice An allowance that is running can be raised and prolonged, and revoked with the delay, but not lowered.
    error AllowanceLowered(address renter, uint64 cap, uint40 validUntil);
    error AllowanceExceeded(address renter, uint256 available, uint256 needed);
    error WrongBatchNumber(uint256 expected, uint256 given);
    /// @notice What was debited and not credited is more than the fee.
    error SumsDiffer(uint256 debited, uint256 credited, uint256 largestFee);
    error JobsDiffer(uint256 debited, uint256 credited);

    // ------------------------------------------------------------------------------------------------ events

    event PrepaidDeposited(address indexed account, address indexed from, uint256 amount);
    event WithdrawalRequested(address indexed renter, uint64 amount, uint40 leavesAt);
    event PrepaidWithdrawn(address indexed renter, uint256 amount);
    event EarningsWithdrawn(address indexed account, uint256 amount);
    /// @notice Asks of `provider` with a salt below `salt` are void here.
    event AsksCancelled(address indexed provider, uint32 salt);
    /// @notice Finished work was paid for: all jobs of the call but those that {WorkSkipped} names in the same transaction,
    /// and those without pay that {WorkUnpaid} counts. Orders and outcomes stand in the call's input, complete: an event
    /// that repeated them would cost a tenth of the whole.
    /// @param roundDigest Names the transcript that justifies the prices.
    /// @param verdictsHash EIP-712 struct hash of the `VerdictBatch` that the oracles signed: the batch's identity.
    /// @param signers Bit i: the i-th member of the committee of this epoch signed.
    /// @param fees Of all jobs: of each pay `feeBps`, rounded down, taken from what the provider gets.
    /// @param renters Of the batch, with their accounts as they are now.
    /// @param credits Of each ask, from the lowest bit: provider 160, amount 64 net of the fee, paid jobs 32; zero where
    /// nothing was settled.
    event WorkSettled(
        address indexed market,
        bytes32 indexed roundDigest,
        bytes32 indexed verdictsHash,
        uint256 epoch,
        uint256 signers,
        uint256 fees,
        RenterWord[] renters,
        uint256[] credits
    );
    /// @notice So many jobs of a provider have been judged to be worth nothing.
    event WorkUnpaid(address indexed provider, uint256 failed, uint256 frauds);
    /// @notice The `index`-th job of a batch was left out.
    event WorkSkipped(uint256 indexed index, Refusal reason);
    event AllowanceSet(address indexed renter, uint64 cap, uint40 validUntil, uint48 salt);
    /// @notice Sums over many jobs were moved; `debits` and `credits` as in {NettedBatch}. The fee is their difference.
    /// @param signers Bit i: the i-th member of the committee of this epoch signed.
    event NettedSettled(
        address indexed market,
        uint256 indexed number,
        uint256 indexed epoch,
        uint256 signers,
        bytes32 jobsRoot,
        bytes32 dataDigest,
        uint256[] debits,
        uint256[] credits
    );

    // --------------------------------------------------------------------------------------------- money out

    /// @notice Asks for `amount` of the caller's prepaid balance, instead of what it asked for before; 0 takes that back.
    /// Until it leaves it pays for work like the rest.
    /// @dev Emits {WithdrawalRequested}.
    function requestWithdrawal(uint64 amount) external;

    /// @notice Moves out what the caller asked for, or what work has left of it, once the delay is over.
    /// @dev Emits {PrepaidWithdrawn}. Requirements: asked for something, `withdrawalDelay` seconds ago; something is left.
    function withdraw() external;

    /// @notice Moves out what the caller has earned, at once.
    /// @dev Emits {EarningsWithdrawn}. Requirements: 0 < amount <= earned and not withdrawn.
    function withdrawEarned(uint256 amount) external;

    /// @notice Voids asks of the caller with a salt below `salt`, here and for work that is not settled yet.
    /// @dev Emits {AsksCancelled}. Whatever is void stays void.
    function cancelAsks(uint32 salt) external;

    /// @notice The same for a signer who has no gas, by the message that cancels them at the escrow, too.
    /// @dev Emits {AsksCancelled}. Requirements: signed by `message.signer`; of kind AsksBefore.
    function cancelAsksFor(IEscrow.Cancel calldata message, bytes calldata signature) external;

    // -------------------------------------------------------------------------------------------- settlement

    /// @notice Pays for finished work, each job that can be paid; the others are skipped, so that no party can block a
    /// batch. The caller is the market of all orders: somebody else could spoil one of several replicas.
    /// @dev Emits {WorkSkipped} for each job left out and {WorkUnpaid} for a provider's jobs without pay, then
    /// {WorkSettled}. The oracles sign a `VerdictBatch` for the escrow's domain as for {IEscrowSettlement-settle}, over all
    /// jobs of the call, left out or not. What stands in it for a lease's id is `keccak256(abi.encode(provider, digest))`,
    /// where the digest is what the bid's renter signed. Replicas of a bid stand next to each other by ascending provider;
    /// one that was left out cannot be settled later, when the bid's salt is used. Jobs of one ask are cheapest next to each
    /// other.
    ///
    /// Reverts if there is nothing in the batch, renters are not ascending, nothing could be paid, or k members of the
    /// current committee have not signed. A job is paid if: the ask is not expired or cancelled here and its provider or
    /// the delegated agent it names signed it; quote <= maxPrice; the bid's deadline has not passed; pay <= maxPrice, and
    /// none but for outcome paid; the renter's balance holds the pay; the bid's settlement is prepaid, its salt not used,
    /// and its renter's key signed it. (An account contract could say no once the work is done: its bids are escrowed or
    /// netted.) Until when a bid may be matched, its `validUntil`, is for the oracles to look at; the price in a bid's terms
    /// means nothing here.
    /// @param renters The bids' renters, ascending; bids and asks name each other and them by index.
    /// @param askSignatures Of ERC-1271 accounts, wherever an ask's `vs` is 0.
    /// @param outcomes Three a word of 80 bits each from the lowest: gross pay 64, outcome 8.
    /// @param resultsDigest `keccak256` of the jobs' result digests, concatenated. They stand in the batch that the oracles
    /// signed, which the market publishes.
    /// @param signatures EIP-2098, two words each, by ascending index of the member.
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
    ) external;

    /// @notice Registers an allowance. Anyone may submit it.
    /// @dev Emits {AllowanceSet}. Requirements: its salt is greater than the last; its renter, a key or an ERC-1271
    /// account, signed it; if one is running, cap and validUntil are not less than that one's.
    function allow(NettedAllowance calldata allowance, bytes calldata signature) external;

    /// @notice Ends the caller's allowance `withdrawalDelay` seconds from now, if it does not end before, and voids
    /// allowances signed with a salt of `salt` or less.
    /// @dev Emits {AllowanceSet}.
    function revokeAllowance(uint48 salt) external;

    /// @notice Moves sums over many jobs, all or nothing. Anyone may call.
    /// @dev Emits {NettedSettled}. The oracles sign, for this contract's domain, the EIP-712 message
    /// `NettedBatch(address market,uint256 number,bytes32 jobsRoot,bytes32 dataDigest,uint256[] debits,uint256[] credits)`.
    ///
    /// A batch that a renter can no longer pay reverts whole, and the oracles sign another one of the same number: of two
    /// with one number only one can be settled.
    ///
    /// Reverts unless: there are debits; the number is the market's next; each debit is within its renter's allowance and
    /// balance; debits are as much as credits and a fee of at most `feeBps`; both count as many jobs; and k members of the
    /// current committee signed.
    function settleNetted(NettedBatch calldata batch, IEscrow.Quorum calldata quorum, bytes32[] calldata signatures)
        external;

    // -------------------------------------------------------------------------------------------------- fees

    /// @notice Changes the fee of what is settled from now on.
    /// @dev Emits {IEscrow-FeeChanged}. Only the owner, a timelock; at most MAX_FEE_BPS.
    function setFee(uint16 feeBps) external;

    // ------------------------------------------------------------------------------------------------- views

    /// @notice A renter's account.
    function renterAccount(address renter) external view returns (RenterAccount memory);

    /// @notice What of a renter's balance work that is settled until `time` can count on, unless other work takes it: all of
    /// it, less what the renter has asked for and can have taken out by then. Nothing from `withdrawalDelay` seconds ahead.
    function coverUntil(address renter, uint40 time) external view returns (uint256);

    /// @notice A provider's account; a member of the committee has its credited fees there.
    function providerAccount(address provider) external view returns (ProviderAccount memory);

    /// @notice A renter's allowance for netted batches.
    function allowanceOf(address renter) external view returns (Allowance memory);

    /// @notice Whether bids of `renter` with this salt cannot be settled (any more): settled, or too old.
    function isVoid(address renter, uint48 salt) external view returns (bool);

    /// @notice How many netted batches of a market are settled; the next has the number after.
    function nettedBatches(address market) external view returns (uint256);

    /// @notice Fee of what is settled from now on, bps.
    function feeBps() external view returns (uint16);

    /// @notice Seconds between asking for prepaid money and its leaving, and between revoking an allowance and its end.
    function withdrawalDelay() external view returns (uint40);
}
