// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title IPaymentChannels
/// @notice Unidirectional USDC channels: a payer deposits once and signs cumulative vouchers off chain, one a request;
/// the payee redeems the last voucher of many channels in one transaction. This file is the manual.
/// @dev Money is micro-USDC (the token's base unit), time is unix seconds. All amounts of a channel are cumulative over
/// its whole life. Everything signed is EIP-712 in the domain ("x402 Batch Settlement", "1", chain id, this contract),
/// with the types of x402's `batch-settlement` scheme, so that an x402 client's voucher is good here:
///
///   ChannelConfig(address payer,address payerAuthorizer,address receiver,address receiverAuthorizer,address token,uint40 withdrawDelay,bytes32 salt)
///   Voucher(bytes32 channelId,uint128 maxClaimableAmount)
///   Refund(bytes32 channelId,uint256 nonce,uint128 amount)
///   ClaimBatch(ClaimEntry[] claims)ClaimEntry(bytes32 channelId,uint128 maxClaimableAmount,uint128 totalClaimed)
///
/// A channel's terms are not stored: its id is their EIP-712 digest, and every call brings them again. Its state is one
/// storage slot, and so are a payee's earnings. There is no owner, no fee and no pause.
///
/// Assumptions that safety needs: the token moves exactly the amount it was told to (fee-on-transfer tokens are refused
/// at deposit) and does not change balances by itself. A payee counts only vouchers of a channel that is not closing, up
/// to its balance, and redeems them within `withdrawDelay` of {CloseStarted}: a voucher not yet redeemed reserves nothing.
/// Assumptions that liveness needs: the token is not paused and has not blacklisted this contract.
interface IPaymentChannels {
    // ------------------------------------------------------------------------------------------------- types

    /// @notice A channel's terms. Their digest is the channel's id; none of them can change.
    /// @param payer Who gets back what is not claimed; an EOA or an ERC-1271 account.
    /// @param payerAuthorizer The key that signs vouchers; zero: the payer itself signs, by key or by ERC-1271.
    /// @param receiver The payee: who is paid.
    /// @param receiverAuthorizer Who may redeem and refund in the payee's name, by call or by signature; an EOA or an
    /// ERC-1271 account, never zero. A service may be the authorizer of many payees and redeem for all of them at once.
    /// @param token The contract's own token.
    /// @param withdrawDelay How long the payee can still redeem once the payer has started to close, seconds.
    /// @param salt Tells channels with equal terms apart.
    struct ChannelConfig {
        address payer;
        address payerAuthorizer;
        address receiver;
        address receiverAuthorizer;
        address token;
        uint40 withdrawDelay;
        bytes32 salt;
    }

    /// @notice One voucher to redeem, with the terms that {Payout} does not hold, in six words.
    /// @param payer `payer << 96 | withdrawDelay`.
    /// @param authorizer `payerAuthorizer << 96 | amount`: `amount`, 64 bits, is the total that the payee will then have
    /// claimed over the channel's life, at most `maxClaimableAmount`.
    /// @param salt The channel's salt.
    /// @param maxClaimableAmount What the payer signed.
    /// @param r Of the authorizer's signature in its compact form (EIP-2098). Zero, or where there is no authorizer: the
    /// signature is `signatures[vs]` of the {Payout}.
    /// @param vs The other half: the parity of `y` in the highest bit, then a low `s` (EIP-2).
    struct Redemption {
        uint256 payer;
        uint256 authorizer;
        bytes32 salt;
        uint128 maxClaimableAmount;
        bytes32 r;
        bytes32 vs;
    }

    /// @notice Vouchers of one payee. Its earnings are written once, however many vouchers there are.
    /// @param receiver The payee of all these channels.
    /// @param receiverAuthorizer The payee's authorizer in all of them.
    /// @param redemptions The vouchers.
    /// @param signatures Those that are not in `r` and `vs`: of payers that sign themselves (whatever an ERC-1271 account
    /// takes; 64 or 65 bytes of a key), and authorizers' in 65 bytes (r, s, v).
    struct Payout {
        address receiver;
        address receiverAuthorizer;
        Redemption[] redemptions;
        bytes[] signatures;
    }

    /// @notice Why a voucher was passed over. New reasons are appended.
    /// @dev NotPayee: the caller is neither the channel's payee nor its authorizer. NoChannel: nothing was ever
    /// deposited under these terms, or all of it went back: a wrong term leads here too. NotAboveClaimed: as much was
    /// claimed before. AboveVoucher: more than the payer signed. AboveBalance: more than the channel holds.
    /// BadSignature: not signed by the payer's authorizer for this channel, amount, contract and chain.
    enum SkipReason {
        None,
        NotPayee,
        NoChannel,
        NotAboveClaimed,
        AboveVoucher,
        AboveBalance,
        BadSignature
    }

    // ------------------------------------------------------------------------------------------------ errors

    error ChannelZeroAmount();
    /// @notice No party may be the zero address (but `payerAuthorizer`) or this contract.
    error PartyRefused(address party);
    error WrongToken(address given, address expected);
    error DelayOutOfRange(uint256 delay, uint256 shortest, uint256 longest);
    /// @notice A channel holds at most 2^64 - 1.
    error BalanceTooLarge(uint256 balance, uint256 largest);
    /// @notice The token delivered another amount than it was told to.
    error DepositMismatch(uint256 expected, uint256 received);
    error NotPayer(address caller, address payer);
    error NotReceiver(address caller, address receiver);
    /// @notice Everything in the channel is claimed, or nothing was deposited under these terms.
    error NothingUnclaimed(bytes32 channelId);
    error AlreadyClosing(bytes32 channelId, uint256 until);
    error NotClosing(bytes32 channelId);
    error WindowStillOpen(uint256 until, uint256 timestamp);
    error WrongRefundNonce(uint256 given, uint256 expected);
    error NotSignedBy(address signer);
    error MixedAuthorizers(address first, address other);
    /// @notice Not one voucher was good; the first was passed over for this reason (None: there was none).
    error NothingRedeemed(bytes32 channelId, SkipReason reason);
    /// @notice An ERC-1271 account must get its whole allowance of gas, or nobody could tell a bad signature from a call
    /// that was starved: send more.
    error GasTooLow(uint256 left, uint256 needed);
    error NothingEarned(address receiver);

    // ------------------------------------------------------------------------------------------------ events

    /// @notice The first deposit under these terms, or the first after all went back unclaimed.
    event ChannelOpened(bytes32 indexed channelId, address indexed payer, address indexed receiver, ChannelConfig config);
    /// @notice `sender` paid `amount`; the channel then has `balance`: all deposits less all that went back.
    event ChannelFunded(bytes32 indexed channelId, address indexed sender, uint256 amount, uint256 balance);
    /// @notice The payee earned `amount`; of the channel it then has `totalClaimed`. Who it is, {ChannelOpened} says.
    event Redeemed(bytes32 indexed channelId, uint256 amount, uint256 totalClaimed);
    /// @notice This voucher was not redeemed, for this reason; others of the transaction were.
    event RedemptionSkipped(bytes32 indexed channelId, SkipReason indexed reason, uint256 amount);
    /// @notice The payee gave `amount` back to the payer. If nothing is left unclaimed, a close that was started is over.
    event Refunded(bytes32 indexed channelId, address indexed payer, uint256 amount, uint256 nonce);
    /// @notice From `until` on, the payer can take back what is not claimed.
    event CloseStarted(bytes32 indexed channelId, address indexed payer, uint256 until);
    /// @notice The payer took `amount` back: all that was not claimed.
    event CloseFinished(bytes32 indexed channelId, address indexed payer, uint256 amount);
    event EarningsWithdrawn(address indexed receiver, uint256 amount);

    // ---------------------------------------------------------------------------------------------- deposits

    /// @notice Opens a channel or tops it up with USDC of the caller, who has approved it and need not be the payer.
    /// @dev Emits {ChannelOpened} for a channel without money, then {ChannelFunded}. A deposit does not end a close
    /// that was started. Requirements: amount > 0; no party zero (but `payerAuthorizer`) or this contract; the token is
    /// the contract's; MIN_DELAY <= withdrawDelay <= MAX_DELAY; balance < 2^64; the token delivers exactly `amount`.
    function deposit(ChannelConfig calldata config, uint128 amount) external;

    /// @notice The same, with the caller's EIP-2612 permit for exactly `amount` in place of an approval.
    /// @dev A permit names no channel: hence it is taken from the caller alone, never from somebody who relays it. A
    /// permit that was submitted by somebody before does no harm.
    function depositWithPermit(
        ChannelConfig calldata config,
        uint128 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;

    /// @notice The same with USDC of `from`, who signed an EIP-3009 `ReceiveWithAuthorization` to this contract and
    /// needs no gas. Anyone may submit it.
    /// @dev The authorization's nonce must be `depositNonce(getChannelId(config), salt)`: so it is good for this
    /// channel only, and nobody can turn it into another's.
    function depositWithAuthorization(
        ChannelConfig calldata config,
        uint128 amount,
        address from,
        uint256 validAfter,
        uint256 validBefore,
        uint256 salt,
        bytes calldata signature
    ) external;

    // -------------------------------------------------------------------------------------------- redemption

    /// @notice Credits payees with what their vouchers are worth. Nothing can pause this.
    /// @dev Emits {Redeemed} for each voucher that is good and {RedemptionSkipped} for each that is not; no voucher
    /// stops another. Of a voucher above the balance the payee can claim up to the balance. A channel that is closing
    /// can be redeemed until the payer finishes, also after the window. Requirements for each voucher, in this order:
    /// the caller is the channel's payee or its authorizer; the channel has money; claimed < amount <=
    /// maxClaimableAmount; amount <= balance; the signature holds. At least one must be good.
    function redeem(Payout[] calldata payouts) external;

    /// @notice The same, submitted by anyone with a `ClaimBatch` signature of the one authorizer of all payees.
    /// @dev The entries of the batch are the vouchers in the order given. Replays credit nothing: amounts are totals.
    function redeemWithSignature(Payout[] calldata payouts, bytes calldata signature) external;

    /// @notice Sends all earnings of a payee to the payee. Anyone may call; nothing can pause this.
    /// @dev Emits {EarningsWithdrawn}. Requirements: there are some.
    function withdraw(address receiver) external;

    // --------------------------------------------------------------------------------------------- going back

    /// @notice Cooperative close: the payee or its authorizer sends `amount` of what is unclaimed, at most all of it,
    /// back to the payer at once. With type(uint128).max everything goes back.
    /// @dev Emits {Refunded}; counts the refund nonce up. Vouchers that are signed and not redeemed stay good, should
    /// the channel be funded again. Requirements: amount > 0; something is unclaimed.
    function refund(ChannelConfig calldata config, uint128 amount) external;

    /// @notice The same, submitted by anyone with a `Refund` signature of the authorizer.
    /// @dev Requirements besides: `nonce` is the channel's {refundNonce}, so that the signature is good once.
    function refundWithSignature(
        ChannelConfig calldata config,
        uint128 amount,
        uint256 nonce,
        bytes calldata signature
    ) external;

    /// @notice Unilateral close, first step: starts the window in which the payee can still redeem. By the payer or its
    /// authorizer.
    /// @dev Emits {CloseStarted}. Requirements: something is unclaimed; it was not started before.
    function startClose(ChannelConfig calldata config) external;

    /// @notice Unilateral close, second step: sends everything unclaimed to the payer. By the payer or its authorizer.
    /// @dev Emits {CloseFinished}. The channel can be funded again; what was claimed stays claimed. Requirements: it was
    /// started; `withdrawDelay` has passed.
    function finishClose(ChannelConfig calldata config) external;

    // ------------------------------------------------------------------------------------------------- views
    // Names and shapes of the first six are those that x402 clients and facilitators read.

    /// @notice What a channel holds (deposits less what went back) and what of it the payee has claimed.
    function channels(bytes32 channelId) external view returns (uint128 balance, uint128 totalClaimed);

    /// @notice What the payer will get if it finishes a close that it started at `initiatedAt`; zeros if it did not.
    function pendingWithdrawals(bytes32 channelId) external view returns (uint128 amount, uint40 initiatedAt);

    /// @notice The nonce that the next `Refund` signature must carry.
    function refundNonce(bytes32 channelId) external view returns (uint256);

    /// @notice What a payee has earned in `token` over all channels, and what of it was withdrawn.
    function receivers(address receiver, address token) external view returns (uint128 totalClaimed, uint128 totalSettled);

    /// @notice The id of a channel: the EIP-712 digest of its terms.
    function getChannelId(ChannelConfig calldata config) external view returns (bytes32);

    /// @notice What is signed for a voucher.
    function getVoucherDigest(bytes32 channelId, uint128 maxClaimableAmount) external view returns (bytes32);

    /// @notice What is signed for a refund.
    function getRefundDigest(bytes32 channelId, uint256 nonce, uint128 amount) external view returns (bytes32);

    /// @notice What is signed for a batch of redemptions.
    function getClaimBatchDigest(Payout[] calldata payouts) external view returns (bytes32);

    /// @notice The EIP-3009 nonce of a deposit: `keccak256(abi.encode(channelId, salt))`.
    function depositNonce(bytes32 channelId, uint256 salt) external pure returns (bytes32);

    /// @notice What {withdraw} would send to a payee now.
    function earnings(address receiver) external view returns (uint256);
}
