// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IPaymentChannels} from "../interfaces/IPaymentChannels.sol";

/// @notice A channel's state in one slot, from the lowest bit: balance (64), totalClaimed (64), closingSince (40),
/// refundNonce (64). Deposits keep the balance below 2^64, and claims below the balance.
type ChannelState is uint256;

using ChannelLib for ChannelState global;

/// @title ChannelLib
/// @notice EIP-712 struct hashes of what payers and payees sign, and the packing of a channel's state.
/// `marketplace/protocol/vouchers.py` declares the same messages; a test holds both equal.
library ChannelLib {
    bytes32 internal constant CONFIG_TYPEHASH = keccak256(
        "ChannelConfig(address payer,address payerAuthorizer,address receiver,address receiverAuthorizer,address token,uint40 withdrawDelay,bytes32 salt)"
    );
    bytes32 internal constant VOUCHER_TYPEHASH = keccak256("Voucher(bytes32 channelId,uint128 maxClaimableAmount)");
    bytes32 internal constant REFUND_TYPEHASH = keccak256("Refund(bytes32 channelId,uint256 nonce,uint128 amount)");
    bytes32 internal constant ENTRY_TYPEHASH =
        keccak256("ClaimEntry(bytes32 channelId,uint128 maxClaimableAmount,uint128 totalClaimed)");
    bytes32 internal constant BATCH_TYPEHASH = keccak256(
        "ClaimBatch(ClaimEntry[] claims)ClaimEntry(bytes32 channelId,uint128 maxClaimableAmount,uint128 totalClaimed)"
    );

    uint256 private constant MONEY = type(uint64).max;
    uint256 private constant CLAIMED_AT = 64;
    uint256 private constant SINCE_AT = 128;
    uint256 private constant NONCE_AT = 168;

    // ---------------------------------------------------------------------------------------------- what is signed

    function hashConfig(IPaymentChannels.ChannelConfig calldata config) internal pure returns (bytes32) {
        return keccak256(abi.encode(CONFIG_TYPEHASH, config));
    }

    function hashVoucher(bytes32 channelId, uint128 maxClaimableAmount) internal pure returns (bytes32) {
        return keccak256(abi.encode(VOUCHER_TYPEHASH, channelId, maxClaimableAmount));
    }

    function hashRefund(bytes32 channelId, uint256 nonce_, uint128 amount) internal pure returns (bytes32) {
        return keccak256(abi.encode(REFUND_TYPEHASH, channelId, nonce_, amount));
    }

    function hashEntry(bytes32 channelId, uint128 maxClaimableAmount, uint256 amount) internal pure returns (bytes32) {
        return keccak256(abi.encode(ENTRY_TYPEHASH, channelId, maxClaimableAmount, amount));
    }

    function hashBatch(bytes32[] memory entries) internal pure returns (bytes32) {
        return keccak256(abi.encode(BATCH_TYPEHASH, keccak256(abi.encodePacked(entries))));
    }

    // ------------------------------------------------------------------------------------------------------- state

    function balance(ChannelState state) internal pure returns (uint256) {
        return ChannelState.unwrap(state) & MONEY;
    }

    function claimed(ChannelState state) internal pure returns (uint256) {
        return (ChannelState.unwrap(state) >> CLAIMED_AT) & MONEY;
    }

    function unclaimed(ChannelState state) internal pure returns (uint256) {
        return balance(state) - claimed(state);
    }

    function closingSince(ChannelState state) internal pure returns (uint40) {
        return uint40(ChannelState.unwrap(state) >> SINCE_AT);
    }

    function nonce(ChannelState state) internal pure returns (uint64) {
        return uint64(ChannelState.unwrap(state) >> NONCE_AT);
    }

    /// @dev The caller has checked `balance + amount < 2^64`.
    function plusBalance(ChannelState state, uint256 amount) internal pure returns (ChannelState) {
        return ChannelState.wrap(ChannelState.unwrap(state) + amount);
    }

    /// @dev The caller has checked `amount <= unclaimed`.
    function minusBalance(ChannelState state, uint256 amount) internal pure returns (ChannelState) {
        return ChannelState.wrap(ChannelState.unwrap(state) - amount);
    }

    /// @dev The caller has checked `claimed + amount <= balance`.
    function plusClaimed(ChannelState state, uint256 amount) internal pure returns (ChannelState) {
        return ChannelState.wrap(ChannelState.unwrap(state) + (amount << CLAIMED_AT));
    }

    function plusNonce(ChannelState state) internal pure returns (ChannelState) {
        return ChannelState.wrap(ChannelState.unwrap(state) + (1 << NONCE_AT));
    }

    function withClosingSince(ChannelState state, uint40 since) internal pure returns (ChannelState) {
        uint256 cleared = ChannelState.unwrap(state) & ~(uint256(type(uint40).max) << SINCE_AT);
        return ChannelState.wrap(cleared | (uint256(since) << SINCE_AT));
    }
}
