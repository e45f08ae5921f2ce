// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {IAuthorizedToken} from "./interfaces/IAuthorizedToken.sol";
import {IPaymentChannels} from "./interfaces/IPaymentChannels.sol";
import {ChannelLib, ChannelState} from "./libraries/ChannelLib.sol";

/// @title PaymentChannels
/// @notice Unidirectional USDC channels with cumulative vouchers, redeemed in batches. See {IPaymentChannels} for the
/// manual.
contract PaymentChannels is IPaymentChannels, EIP712, ReentrancyGuard {
    using SafeERC20 for IERC20;

    /// @notice Shortest window for a payee, seconds.
    uint40 public constant MIN_DELAY = 15 minutes;
    /// @notice Longest window for a payee, seconds.
    uint40 public constant MAX_DELAY = 30 days;
    /// @notice Most gas that an ERC-1271 account gets to check one signature.
    uint256 public constant SIGNATURE_GAS = 250_000;
    /// @dev What must be left so that SIGNATURE_GAS reaches the account (EIP-150 keeps 1/64 back), and for the call itself.
    uint256 private constant SIGNATURE_RESERVE = SIGNATURE_GAS * 64 / 63 + 5_000;
    uint256 private constant SETTLED_AT = 128;

    /// @notice The one token of all channels.
    IAuthorizedToken public immutable token;

    mapping(bytes32 channelId => ChannelState) private _channels;
    /// @dev From the lowest bit: earned (128), withdrawn (128). Never zero again once used, so that writing stays cheap.
    mapping(address receiver => uint256) private _receivers;

    constructor(IAuthorizedToken token_) EIP712("x402 Batch Settlement", "1") {
        token = token_;
    }

    // ---------------------------------------------------------------------------------------------- deposits

    /// @inheritdoc IPaymentChannels
    function deposit(ChannelConfig calldata config, uint128 amount) external nonReentrant {
        _fund(config, msg.sender, amount);
        uint256 before = token.balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        _requireReceived(before, amount);
    }

    /// @inheritdoc IPaymentChannels
    function depositWithPermit(
        ChannelConfig calldata config,
        uint128 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external nonReentrant {
        _fund(config, msg.sender, amount);
        // A permit that somebody else submitted first is used up, but has left its allowance; without one the transfer fails.
        try token.permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        uint256 before = token.balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        _requireReceived(before, amount);
    }

    /// @inheritdoc IPaymentChannels
    function depositWithAuthorization(
        ChannelConfig calldata config,
        uint128 amount,
        address from,
        uint256 validAfter,
        uint256 validBefore,
        uint256 salt,
        bytes calldata signature
    ) external nonReentrant {
        bytes32 nonce = depositNonce(_fund(config, from, amount), salt);
        uint256 before = token.balanceOf(address(this));
        token.receiveWithAuthorization(from, address(this), amount, validAfter, validBefore, nonce, signature);
        _requireReceived(before, amount);
    }

    // -------------------------------------------------------------------------------------------- redemption

    /// @inheritdoc IPaymentChannels
    /// @dev Not guarded against re-entry: the only calls out are static, and no state is read again after them.
    function redeem(Payout[] calldata payouts) external {
        _redeem(payouts, address(0));
    }

    /// @inheritdoc IPaymentChannels
    function redeemWithSignature(Payout[] calldata payouts, bytes calldata signature) external {
        if (payouts.length == 0) revert NothingRedeemed(bytes32(0), SkipReason.None);
        address authorizer = payouts[0].receiverAuthorizer;
        for (uint256 i = 1; i < payouts.length; ++i) {
            address other = payouts[i].receiverAuthorizer;
            if (other != authorizer) revert MixedAuthorizers(authorizer, other);
        }
        if (!_isSignedBy(authorizer, getClaimBatchDigest(payouts), signature)) revert NotSignedBy(authorizer);
        _redeem(payouts, authorizer);
    }

    /// @inheritdoc IPaymentChannels
    function withdraw(address receiver) external nonReentrant {
        uint256 amount = earnings(receiver);
        if (amount == 0) revert NothingEarned(receiver);
        _receivers[receiver] += amount << SETTLED_AT;
        emit EarningsWithdrawn(receiver, amount);
        IERC20(token).safeTransfer(receiver, amount);
    }

    // --------------------------------------------------------------------------------------------- going back

    /// @inheritdoc IPaymentChannels
    function refund(ChannelConfig calldata config, uint128 amount) external nonReentrant {
        if (msg.sender != config.receiver && msg.sender != config.receiverAuthorizer) {
            revert NotReceiver(msg.sender, config.receiver);
        }
        _refund(config, getChannelId(config), amount);
    }

    /// @inheritdoc IPaymentChannels
    function refundWithSignature(
        ChannelConfig calldata config,
        uint128 amount,
        uint256 nonce,
        bytes calldata signature
    ) external nonReentrant {
        bytes32 channelId = getChannelId(config);
        uint256 expected = _channels[channelId].nonce();
        if (nonce != expected) revert WrongRefundNonce(nonce, expected);
        if (!_isSignedBy(config.receiverAuthorizer, getRefundDigest(channelId, nonce, amount), signature)) {
            revert NotSignedBy(config.receiverAuthorizer);
        }
        _refund(config, channelId, amount);
    }

    /// @inheritdoc IPaymentChannels
    function startClose(ChannelConfig calldata config) external {
        _requirePayer(config);
        bytes32 channelId = getChannelId(config);
        ChannelState state = _channels[channelId];
        if (state.unclaimed() == 0) revert NothingUnclaimed(channelId);
        uint256 since = state.closingSince();
        if (since != 0) revert AlreadyClosing(channelId, since + config.withdrawDelay);
        _channels[channelId] = state.withClosingSince(uint40(block.timestamp));
        emit CloseStarted(channelId, config.payer, block.timestamp + config.withdrawDelay);
    }

    /// @inheritdoc IPaymentChannels
    function finishClose(ChannelConfig calldata config) external nonReentrant {
        _requirePayer(config);
        bytes32 channelId = getChannelId(config);
        ChannelState state = _channels[channelId];
        uint256 since = state.closingSince();
        if (since == 0) revert NotClosing(channelId);
        uint256 until = since + config.withdrawDelay;
        if (block.timestamp < until) revert WindowStillOpen(until, block.timestamp);
        uint256 amount = state.unclaimed();
        _channels[channelId] = state.minusBalance(amount).withClosingSince(0);
        emit CloseFinished(channelId, config.payer, amount);
        if (amount != 0) IERC20(token).safeTransfer(config.payer, amount);
    }

    // ------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IPaymentChannels
    function channels(bytes32 channelId) external view returns (uint128 balance, uint128 totalClaimed) {
        ChannelState state = _channels[channelId];
        return (uint128(state.balance()), uint128(state.claimed()));
    }

    /// @inheritdoc IPaymentChannels
    function pendingWithdrawals(bytes32 channelId) external view returns (uint128 amount, uint40 initiatedAt) {
        ChannelState state = _channels[channelId];
        initiatedAt = state.closingSince();
        return (initiatedAt == 0 ? 0 : uint128(state.unclaimed()), initiatedAt);
    }

    /// @inheritdoc IPaymentChannels
    function refundNonce(bytes32 channelId) external view returns (uint256) {
        return _channels[channelId].nonce();
    }

    /// @inheritdoc IPaymentChannels
    function receivers(address receiver, address token_)
        external
        view
        returns (uint128 totalClaimed, uint128 totalSettled)
    {
        if (token_ != address(token)) return (0, 0);
        uint256 word = _receivers[receiver];
        return (uint128(word), uint128(word >> SETTLED_AT));
    }

    /// @inheritdoc IPaymentChannels
    function earnings(address receiver) public view returns (uint256) {
        uint256 word = _receivers[receiver];
        return uint128(word) - (word >> SETTLED_AT);
    }

    /// @inheritdoc IPaymentChannels
    function getChannelId(ChannelConfig calldata config) public view returns (bytes32) {
        return _hashTypedDataV4(ChannelLib.hashConfig(config));
    }

    /// @inheritdoc IPaymentChannels
    function getVoucherDigest(bytes32 channelId, uint128 maxClaimableAmount) public view returns (bytes32) {
        return _hashTypedDataV4(ChannelLib.hashVoucher(channelId, maxClaimableAmount));
    }

    /// @inheritdoc IPaymentChannels
    function getRefundDigest(bytes32 channelId, uint256 nonce, uint128 amount) public view returns (bytes32) {
        return _hashTypedDataV4(ChannelLib.hashRefund(channelId, nonce, amount));
    }

    /// @inheritdoc IPaymentChannels
    function getClaimBatchDigest(Payout[] calldata payouts) public view returns (bytes32) {
        bytes32 domain = _domainSeparatorV4();
        uint256 count;
        for (uint256 i = 0; i < payouts.length; ++i) {
            count += payouts[i].redemptions.length;
        }
        bytes32[] memory entries = new bytes32[](count);
        uint256 at;
        for (uint256 i = 0; i < payouts.length; ++i) {
            Redemption[] calldata redemptions = payouts[i].redemptions;
            bytes32[8] memory terms = _termsOf(payouts[i]);
            for (uint256 j = 0; j < redemptions.length; ++j) {
                Redemption calldata item = redemptions[j];
                entries[at++] = ChannelLib.hashEntry(
                    _channelIdOf(domain, terms, item), item.maxClaimableAmount, uint64(item.authorizer)
                );
            }
        }
        return _hashTypedDataV4(ChannelLib.hashBatch(entries));
    }

    /// @inheritdoc IPaymentChannels
    function depositNonce(bytes32 channelId, uint256 salt) public pure returns (bytes32) {
        return keccak256(abi.encode(channelId, salt));
    }

    // ---------------------------------------------------------------------------------------------- internals

    /// @dev Checks the terms and books the deposit; the caller moves the tokens and measures them.
    function _fund(ChannelConfig calldata config, address sender, uint128 amount) private returns (bytes32 channelId) {
        if (amount == 0) revert ChannelZeroAmount();
        _requireParty(config.payer);
        _requireParty(config.receiver);
        _requireParty(config.receiverAuthorizer);
        if (config.token != address(token)) revert WrongToken(config.token, address(token));
        if (config.withdrawDelay < MIN_DELAY || config.withdrawDelay > MAX_DELAY) {
            revert DelayOutOfRange(config.withdrawDelay, MIN_DELAY, MAX_DELAY);
        }
        channelId = getChannelId(config);
        ChannelState state = _channels[channelId];
        uint256 before = state.balance();
        uint256 balance = before + amount;
        if (balance > type(uint64).max) revert BalanceTooLarge(balance, type(uint64).max);
        _channels[channelId] = state.plusBalance(amount);
        if (before == 0) emit ChannelOpened(channelId, config.payer, config.receiver, config);
        emit ChannelFunded(channelId, sender, amount, balance);
    }

    function _requireParty(address party) private view {
        if (party == address(0) || party == address(this)) revert PartyRefused(party);
    }

    function _requireReceived(uint256 before, uint256 amount) private view {
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != amount) revert DepositMismatch(amount, received);
    }

    function _requirePayer(ChannelConfig calldata config) private view {
        if (msg.sender != config.payer && msg.sender != config.payerAuthorizer) {
            revert NotPayer(msg.sender, config.payer);
        }
    }

    function _refund(ChannelConfig calldata config, bytes32 channelId, uint256 amount) private {
        if (amount == 0) revert ChannelZeroAmount();
        ChannelState state = _channels[channelId];
        uint256 unclaimed = state.unclaimed();
        if (unclaimed == 0) revert NothingUnclaimed(channelId);
        uint256 nonce = state.nonce();
        state = state.plusNonce();
        if (amount >= unclaimed) {
            amount = unclaimed;
            state = state.withClosingSince(0);
        }
        _channels[channelId] = state.minusBalance(amount);
        emit Refunded(channelId, config.payer, amount, nonce);
        IERC20(token).safeTransfer(config.payer, amount);
    }

    /// @dev `authorizer` is who signed the whole batch; zero: the caller must be a payee or its authorizer.
    function _redeem(Payout[] calldata payouts, address authorizer) private {
        bytes32 domain = _domainSeparatorV4();
        bool any;
        bytes32 firstId;
        SkipReason first;
        for (uint256 i = 0; i < payouts.length; ++i) {
            Payout calldata payout = payouts[i];
            Redemption[] calldata redemptions = payout.redemptions;
            bool allowed = authorizer != address(0) || msg.sender == payout.receiver
                || msg.sender == payout.receiverAuthorizer;
            bytes32[8] memory terms = _termsOf(payout);
            uint256 earned;
            for (uint256 j = 0; j < redemptions.length; ++j) {
                Redemption calldata item = redemptions[j];
                bytes32 channelId = _channelIdOf(domain, terms, item);
                (SkipReason reason, uint256 gain) =
                    allowed ? _claim(domain, channelId, item, payout) : (SkipReason.NotPayee, 0);
                earned += gain;
                if (reason == SkipReason.None) continue;
                emit RedemptionSkipped(channelId, reason, uint64(item.authorizer));
                if (first == SkipReason.None) (firstId, first) = (channelId, reason);
            }
            if (earned != 0) {
                any = true;
                // Cannot reach into the upper half: all channels of all payees together hold what the token has.
                _receivers[payout.receiver] += earned;
            }
        }
        if (!any) revert NothingRedeemed(firstId, first);
    }

    /// @dev Claims one voucher, or says why it is not good and changes nothing.
    function _claim(bytes32 domain, bytes32 channelId, Redemption calldata item, Payout calldata payout)
        private
        returns (SkipReason reason, uint256 gain)
    {
        ChannelState state = _channels[channelId];
        uint256 amount = uint64(item.authorizer);
        uint256 claimed = state.claimed();
        uint128 maxClaimableAmount = item.maxClaimableAmount;
        if (state.balance() == 0) return (SkipReason.NoChannel, 0);
        if (amount <= claimed) return (SkipReason.NotAboveClaimed, 0);
        if (amount > maxClaimableAmount) return (SkipReason.AboveVoucher, 0);
        if (amount > state.balance()) return (SkipReason.AboveBalance, 0);
        bytes32 digest =
            MessageHashUtils.toTypedDataHash(domain, ChannelLib.hashVoucher(channelId, maxClaimableAmount));
        if (!_isSignedByPayer(digest, item, payout)) return (SkipReason.BadSignature, 0);
        unchecked {
            gain = amount - claimed;
        }
        _channels[channelId] = state.plusClaimed(gain);
        emit Redeemed(channelId, gain, amount);
    }

    /// @dev By the authorizer's key; where there is none, by the payer, whatever it is.
    function _isSignedByPayer(bytes32 digest, Redemption calldata item, Payout calldata payout)
        private
        view
        returns (bool)
    {
        address authorizer = address(uint160(item.authorizer >> 96));
        if (authorizer != address(0) && item.r != 0) {
            (address recovered,,) = ECDSA.tryRecover(digest, item.r, item.vs);
            return recovered == authorizer;
        }
        uint256 index = uint256(item.vs);
        if (index >= payout.signatures.length) return false;
        bytes calldata signature = payout.signatures[index];
        if (authorizer != address(0)) return _isRecovered(authorizer, digest, signature);
        return _isSignedBy(address(uint160(item.payer >> 96)), digest, signature);
    }

    /// @dev The encoding of a channel's terms, with those that a payout's channels have in common.
    function _termsOf(Payout calldata payout) private view returns (bytes32[8] memory terms) {
        terms[0] = ChannelLib.CONFIG_TYPEHASH;
        terms[3] = bytes32(uint256(uint160(payout.receiver)));
        terms[4] = bytes32(uint256(uint160(payout.receiverAuthorizer)));
        terms[5] = bytes32(uint256(uint160(address(token))));
    }

    /// @dev Fills the rest of `terms` in and hashes it in place.
    function _channelIdOf(bytes32 domain, bytes32[8] memory terms, Redemption calldata item)
        private
        pure
        returns (bytes32)
    {
        terms[1] = bytes32(item.payer >> 96);
        terms[2] = bytes32(item.authorizer >> 96);
        terms[6] = bytes32(uint256(uint40(item.payer)));
        terms[7] = item.salt;
        bytes32 structHash;
        assembly ("memory-safe") {
            structHash := keccak256(terms, 256)
        }
        return MessageHashUtils.toTypedDataHash(domain, structHash);
    }

    /// @dev By key first: an account that has a key can get code later (EIP-7702), and would else take back what it signed.
    function _isSignedBy(address account, bytes32 digest, bytes calldata signature) private view returns (bool) {
        if (_isRecovered(account, digest, signature)) return true;
        if (account.code.length == 0) return false;
        if (gasleft() < SIGNATURE_RESERVE) revert GasTooLow(gasleft(), SIGNATURE_RESERVE);
        bytes memory data = abi.encodeCall(IERC1271.isValidSignature, (digest, signature));
        bytes32 answer;
        // Assembly, because a call in Solidity would copy whatever the account returns and let it burn the batch's gas.
        assembly ("memory-safe") {
            let ok := staticcall(SIGNATURE_GAS, account, add(data, 32), mload(data), 0, 32)
            if and(ok, gt(returndatasize(), 31)) { answer := mload(0) }
        }
        return answer == bytes32(IERC1271.isValidSignature.selector);
    }

    function _isRecovered(address signer, bytes32 digest, bytes calldata signature) private pure returns (bool) {
        address recovered;
        if (signature.length == 64) {
            (recovered,,) = ECDSA.tryRecover(digest, bytes32(signature), bytes32(signature[32:]));
        } else if (signature.length == 65) {
            (recovered,,) =
                ECDSA.tryRecover(digest, uint8(signature[64]), bytes32(signature), bytes32(signature[32:]));
        }
        return recovered == signer && signer != address(0);
    }
}
