// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {IEscrowLeases} from "../interfaces/IEscrowLeases.sol";
import {ProviderLib, RenterLib, StoredWord} from "../libraries/AccountLib.sol";
import {OrderLib} from "../libraries/OrderLib.sol";
import {SignatureLib} from "../libraries/SignatureLib.sol";
import {EscrowAccounts} from "./EscrowAccounts.sol";

/// @notice Opening leases in groups. See {IEscrowLeases}.
abstract contract EscrowLeases is IEscrowLeases, EscrowAccounts {
    using RenterLib for uint256;
    using ProviderLib for uint256;

    uint256 internal constant BPS = 10_000;
    /// @notice Share of a lease's price that its provider's cover must hold and that fraud costs.
    uint256 public constant PENALTY_BPS = 10_000;
    /// @notice Leases of a group.
    uint256 internal constant GROUP_SIZE = 32;
    uint256 private constant NO_ASK = type(uint256).max;
    /// @dev Greatest known verification; settlement, in the bits above, must be 0 (escrowed) here.
    uint256 private constant LAST_VERIFICATION = 3;

    uint16 public feeBps = 500;
    bool public openingPaused;

    /// @dev 224 bits of the commitment, then a bit for each open lease.
    mapping(address market => mapping(uint256 group => StoredWord)) internal _groups;

    /// @dev The ask that matches are being opened with; its provider's account is written back when the ask changes.
    struct AskInUse {
        uint256 index;
        address provider;
        uint256 account;
        uint256 rates;
        uint256 minimum;
        uint256 units;
        SkipReason refused;
    }

    /// @dev A batch on its way: the group being filled, and the last bid opened (of which replicas may follow).
    struct Batch {
        bytes32 domainSeparator;
        bytes32 roundDigest;
        uint256 feeBps;
        uint256 group;
        uint256 count;
        bytes32[] bidHashes;
        uint256[] terms;
        bytes32 lastBid;
        uint256 lastReplicas;
        address lastProvider;
        uint256[17] preimage;
    }

    /// @inheritdoc IEscrowLeases
    function open(
        bytes32 roundDigest,
        uint256 firstGroup,
        address[] calldata renters,
        SignedAsk[] calldata asks,
        SignedBid[] calldata bids,
        bytes[] calldata signatures
    ) external {
        if (openingPaused) revert OpeningIsPaused();
        if (bids.length == 0) revert EmptyBatch();
        Batch memory batch = _newBatch(roundDigest, firstGroup);
        AskInUse memory ask;
        ask.index = NO_ASK;
        SkipReason first;
        unchecked {
            for (uint256 i = 0; i < bids.length; ++i) {
                uint256 resources = bids[i].resources;
                if (uint16(resources >> 16) != ask.index) {
                    if (ask.index != NO_ASK) _providers[ask.provider].word = ask.account;
                    ask.index = uint16(resources >> 16);
                    _useAsk(asks[ask.index], ask, batch.domainSeparator, signatures);
                }
                SkipReason reason = _openLease(batch, ask, bids[i], renters[uint16(resources)], signatures);
                if (reason != SkipReason.None) {
                    if (first == SkipReason.None) first = reason;
                    emit MatchSkipped(i, reason);
                } else if (batch.count == GROUP_SIZE) {
                    _storeGroup(batch);
                }
            }
        }
        if (batch.count != 0) _storeGroup(batch);
        if (batch.group == firstGroup) revert NothingOpened(first);
        _providers[ask.provider].word = ask.account;
    }

    /// @inheritdoc IEscrowLeases
    function groupWord(address market, uint256 group) external view returns (uint256) {
        return _groups[market][group].word;
    }

    function _newBatch(bytes32 roundDigest, uint256 firstGroup) private view returns (Batch memory batch) {
        batch.domainSeparator = _domainSeparatorV4();
        batch.roundDigest = roundDigest;
        batch.feeBps = feeBps;
        batch.group = firstGroup;
        batch.bidHashes = new bytes32[](GROUP_SIZE);
        batch.terms = new uint256[](2 * GROUP_SIZE);
        batch.preimage = OrderLib.newPreimage(msg.sender);
    }

    function _useAsk(SignedAsk calldata signed, AskInUse memory ask, bytes32 separator, bytes[] calldata signatures)
        private
        view
    {
        address provider = address(uint160(signed.offer));
        ask.provider = provider;
        ask.account = _providers[provider].word;
        ask.rates = signed.rates;
        ask.minimum = uint64(signed.agentAndMinimum >> 160);
        ask.units = signed.rates >> 240;
        ask.refused = _refusalOf(signed, provider, ask.account, separator, signatures);
    }

    function _refusalOf(
        SignedAsk calldata signed,
        address provider,
        uint256 account,
        bytes32 separator,
        bytes[] calldata signatures
    ) private view returns (SkipReason) {
        if (block.timestamp > uint40(signed.offer >> 160)) return SkipReason.AskExpired;
        if (uint32(signed.offer >> 200) < account.askSalt()) return SkipReason.AskCancelled;
        bytes32 digest = MessageHashUtils.toTypedDataHash(separator, OrderLib.hashAsk(signed, msg.sender));
        if (_isSigned(provider, digest, signed.r, signed.vs, signatures)) return SkipReason.None;
        // A delegated agent may price its own node, so that the provider's key can stay cold.
        address agent = address(uint160(signed.agentAndMinimum));
        if (isAgent[provider][agent] && _isSigned(agent, digest, signed.r, signed.vs, signatures)) return SkipReason.None;
        return SkipReason.AskSignature;
    }

    function _openLease(
        Batch memory batch,
        AskInUse memory ask,
        SignedBid calldata bid,
        address renter,
        bytes[] calldata signatures
    ) private returns (SkipReason) {
        unchecked {
            if (ask.refused != SkipReason.None) return ask.refused;
            uint256 terms = bid.terms;
            uint256 price = uint64(terms >> 64);
            if (price > uint64(terms)) return SkipReason.Quote;
            if (price < OrderLib.quote(ask.rates, ask.minimum, bid.resources)) return SkipReason.Quote;
            if (block.timestamp > uint40(terms >> 168)) return SkipReason.BidExpired;
            if (block.timestamp >= uint40(terms >> 128)) return SkipReason.BidExpired;

            uint256 provider = ask.account;
            uint256 penalty = price * PENALTY_BPS / BPS;
            if (provider.covered() + penalty > provider.cover()) return SkipReason.Cover;
            if (provider.openLeases() >= ask.units) return SkipReason.Units;

            StoredWord storage stored = _renters[renter];
            uint256 account = stored.word;
            if (account.free() < price) return SkipReason.Balance;
            SkipReason refused;
            (account, refused) = _useBid(batch, ask.provider, bid, renter, account, signatures);
            if (refused != SkipReason.None) return refused;

            ask.account = provider.addLease(penalty);
            stored.word = account - price;
            uint256 count = batch.count;
            batch.bidHashes[count] = batch.lastBid;
            batch.terms[2 * count] = uint160(renter) | uint256(uint40(terms >> 128)) << 160 | (terms >> 208) << 200;
            batch.terms[2 * count + 1] = uint160(ask.provider) | price << 160 | batch.feeBps << 224;
            batch.count = count + 1;
            return SkipReason.None;
        }
    }

    /// @dev Replicas of a bid stand next to each other, by ascending provider: that makes them distinct, and the bid's
    /// signature and salt need one look.
    function _useBid(
        Batch memory batch,
        address provider,
        SignedBid calldata bid,
        address renter,
        uint256 account,
        bytes[] calldata signatures
    ) private view returns (uint256, SkipReason) {
        uint256 replicas = uint8(bid.resources >> 224);
        bytes32 bidHash = OrderLib.hashBid(bid, renter, batch.preimage);
        if (bidHash == batch.lastBid) {
            if (batch.lastReplicas == replicas || provider <= batch.lastProvider) return (0, SkipReason.Replicas);
            ++batch.lastReplicas;
            batch.lastProvider = provider;
            return (account, SkipReason.None);
        }
        // One comparison for three fields: no replicas, an unknown verification, another settlement.
        if (replicas == 0 || bid.resources >> 232 > LAST_VERIFICATION) return (0, SkipReason.Settlement);
        account = account.use(bid.terms >> 208);
        if (account == 0) return (0, SkipReason.SaltUsed);
        bytes32 digest = MessageHashUtils.toTypedDataHash(batch.domainSeparator, bidHash);
        if (!_isSigned(renter, digest, bid.r, bid.vs, signatures)) return (0, SkipReason.BidSignature);
        batch.lastBid = bidHash;
        batch.lastReplicas = 1;
        batch.lastProvider = provider;
        return (account, SkipReason.None);
    }

    function _isSigned(address signer, bytes32 digest, bytes32 r, bytes32 vs, bytes[] calldata signatures)
        private
        view
        returns (bool)
    {
        if (vs != 0) return SignatureLib.isSignedBy(signer, digest, r, vs);
        return SignatureLib.isValidERC1271(signer, digest, signatures[uint256(r)]);
    }

    function _storeGroup(Batch memory batch) private {
        uint256 count = batch.count;
        bytes32[] memory bidHashes = batch.bidHashes;
        uint256[] memory terms = batch.terms;
        // Both buffers have room for a whole group; only what was filled is hashed and told.
        assembly ("memory-safe") {
            mstore(bidHashes, count)
            mstore(terms, mul(count, 2))
        }
        StoredWord storage stored = _groups[msg.sender][batch.group];
        if (uint32(stored.word) != 0) revert GroupInUse(msg.sender, batch.group);
        bytes32 commitment = _commitment(keccak256(abi.encodePacked(bidHashes)), keccak256(abi.encodePacked(terms)));
        stored.word = uint256(commitment) << GROUP_SIZE | ((1 << count) - 1);
        emit LeasesOpened(msg.sender, batch.group, batch.roundDigest, bidHashes, terms);
        batch.count = 0;
        ++batch.group;
    }

    function _commitment(bytes32 bidsDigest, bytes32 termsDigest) internal pure returns (bytes32) {
        return keccak256(abi.encode(bidsDigest, termsDigest));
    }
}
