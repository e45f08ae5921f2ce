// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IEscrow} from "./interfaces/IEscrow.sol";
import {IPrepaid} from "./interfaces/IPrepaid.sol";
import {MessageLib} from "./libraries/MessageLib.sol";
import {NettingLib} from "./libraries/NettingLib.sol";
import {OrderLib} from "./libraries/OrderLib.sol";

/// @title Messages
/// @notice The hashing, pricing and packing of the escrow and of prepaid settlement, for whoever wants them by calls, without
/// a program of their own: it holds nothing and can do nothing. A wrong answer would move nothing, for both check all that
/// they are handed.
contract Messages {
    /// @notice A lease as {IEscrow-LeasesOpened} told it, in words that people can read.
    /// @param place Its place in the group, from 0.
    /// @param open Whether it still is: neither closed nor claimed.
    /// @param price Locked, and the penalty, micro-USDC.
    /// @param deadline When the result must be there, unix seconds.
    struct LeaseTold {
        uint256 place;
        bytes32 leaseId;
        bool open;
        address renter;
        address provider;
        uint64 price;
        uint16 feeBps;
        uint40 deadline;
        uint48 salt;
        bytes32 bidHash;
    }

    uint256 private constant GROUP_SIZE = 32;

    /// @notice What the ask charges for the bid's resources, micro-USDC.
    function quote(IEscrow.SignedAsk calldata ask, IEscrow.SignedBid calldata bid) external pure returns (uint256) {
        return OrderLib.quote(ask.rates, uint64(ask.agentAndMinimum >> 160), bid.resources);
    }

    /// @notice EIP-712 struct hash of an ask at a market: its identity.
    function hashAsk(IEscrow.SignedAsk calldata ask, address market) external pure returns (bytes32) {
        return OrderLib.hashAsk(ask, market);
    }

    /// @notice EIP-712 struct hash of a bid of a renter at a market: its identity, and the id of its job.
    function hashBid(IEscrow.SignedBid calldata bid, address renter, address market) external pure returns (bytes32) {
        return OrderLib.hashBid(OrderLib.newPreimage(market), renter, bid.jobDigest, bid.resources, bid.terms);
    }

    /// @notice EIP-712 struct hash of an attestation.
    function hashAttestation(IEscrow.Attestation calldata attestation) external pure returns (bytes32) {
        return MessageLib.hashAttestation(attestation);
    }

    /// @notice EIP-712 struct hash of the batch that oracles sign.
    function hashVerdictBatch(
        bytes32[] calldata leaseIds,
        uint256[] calldata outcomes,
        bytes32[] calldata resultDigests
    ) external pure returns (bytes32) {
        return MessageLib.hashVerdictBatch(leaseIds, outcomes, resultDigests);
    }

    /// @notice EIP-712 struct hash of an oracle's seal.
    function hashVerdictSeal(bytes32 leaseId, bytes32 commitment) external pure returns (bytes32) {
        return MessageLib.hashVerdictSeal(leaseId, commitment);
    }

    /// @notice What a seal commits `oracle` to.
    function commitVerdict(
        address oracle,
        bytes32 leaseId,
        uint8 outcome,
        uint64 pay,
        bytes32 resultDigest,
        bytes32 secret
    ) external pure returns (bytes32) {
        return MessageLib.commitVerdict(oracle, leaseId, outcome, pay, resultDigest, secret);
    }

    /// @notice EIP-712 struct hash of a receipt.
    function hashReceipt(IEscrow.Receipt calldata receipt) external pure returns (bytes32) {
        return MessageLib.hashReceipt(receipt);
    }

    /// @notice EIP-712 struct hash of a cancel.
    function hashCancel(IEscrow.Cancel calldata message) external pure returns (bytes32) {
        return MessageLib.hashCancel(message);
    }

    /// @notice EIP-712 struct hash of an allowance for netted batches.
    function hashNettedAllowance(IPrepaid.NettedAllowance calldata allowance) external pure returns (bytes32) {
        return NettingLib.hashAllowance(allowance);
    }

    /// @notice EIP-712 struct hash of a netted batch.
    function hashNettedBatch(IPrepaid.NettedBatch calldata batch) external pure returns (bytes32) {
        return NettingLib.hashBatch(batch);
    }

    /// @notice The leases of a group in which `account` is renter or provider; of everybody for the zero address.
    /// @param groupWord What {IEscrowLeases-groupWord} says of the group now; 0 if that does not matter.
    /// @param opened The data of the {IEscrow-LeasesOpened} log as it is: bid hashes and terms.
    function leasesOf(address account, uint256 groupWord, bytes calldata opened)
        external
        pure
        returns (LeaseTold[] memory leases)
    {
        (bytes32[] memory bidHashes, uint256[] memory terms) = abi.decode(opened, (bytes32[], uint256[]));
        bytes32 commitment = _commitment(bidHashes, terms);
        // A number is used again: the bits of the word speak of these leases only if its commitment is theirs.
        uint256 open = groupWord >> GROUP_SIZE == uint256(commitment) & type(uint224).max ? groupWord : 0;
        leases = new LeaseTold[](bidHashes.length);
        uint256 found = 0;
        for (uint256 i = 0; i < bidHashes.length; ++i) {
            LeaseTold memory told = _told(commitment, bidHashes[i], i, terms[2 * i], terms[2 * i + 1]);
            told.open = (open >> i) & 1 == 1;
            if (account == address(0) || account == told.renter || account == told.provider) leases[found++] = told;
        }
        assembly ("memory-safe") {
            mstore(leases, found)
        }
    }

    /// @notice The argument with which `accept`, `claim` and `refund` name one lease of a group.
    /// @param group The group's number.
    /// @param place The lease's place in it.
    /// @param opened The data of the {IEscrow-LeasesOpened} log.
    function groupTerms(uint256 group, uint256 place, bytes calldata opened)
        external
        pure
        returns (IEscrow.GroupTerms memory)
    {
        (bytes32[] memory bidHashes, uint256[] memory terms) = abi.decode(opened, (bytes32[], uint256[]));
        return IEscrow.GroupTerms(group, 1 << place, keccak256(abi.encodePacked(bidHashes)), terms);
    }

    /// @notice The argument with which `release`, `dispute` and `expireDispute` name a lease that was claimed.
    /// @param place The place that it had in its group.
    /// @param opened The data of the {IEscrow-LeasesOpened} log.
    function claimedLease(uint256 place, bytes calldata opened) external pure returns (IEscrow.ClaimedLease memory) {
        (bytes32[] memory bidHashes, uint256[] memory terms) = abi.decode(opened, (bytes32[], uint256[]));
        bytes32 leaseId = keccak256(abi.encode(_commitment(bidHashes, terms), place));
        return IEscrow.ClaimedLease(leaseId, terms[2 * place], terms[2 * place + 1]);
    }

    function _commitment(bytes32[] memory bidHashes, uint256[] memory terms) private pure returns (bytes32) {
        return keccak256(abi.encode(keccak256(abi.encodePacked(bidHashes)), keccak256(abi.encodePacked(terms))));
    }

    function _told(bytes32 commitment, bytes32 bidHash, uint256 place, uint256 first, uint256 second)
        private
        pure
        returns (LeaseTold memory)
    {
        return LeaseTold({
            place: place,
            leaseId: keccak256(abi.encode(commitment, place)),
            open: false,
            renter: address(uint160(first)),
            provider: address(uint160(second)),
            price: uint64(second >> 160),
            feeBps: uint16(second >> 224),
            deadline: uint40(first >> 160),
            salt: uint48(first >> 200),
            bidHash: bidHash
        });
    }
}
