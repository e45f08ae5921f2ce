// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {IEscrowLeases} from "../interfaces/IEscrowLeases.sol";
import {ProviderLib, RenterLib, StoredWord} from "../libraries/AccountLib.sol";
import {GroupLib} from "../libraries/GroupLib.sol";
import {OrderLib} from "../libraries/OrderLib.sol";
import {SignatureLib} from "../libraries/SignatureLib.sol";
import {EscrowAccounts} from "./EscrowAccounts.sol";

/// @notice Opening leases in groups. See {IEscrowLeases}.
abstract contract EscrowLeases is IEscrowLeases, EscrowAccounts {
    using RenterLib for uint256;
    using ProviderLib for uint256;
    using GroupLib for GroupLib.Buffer;

    uint256 internal constant BPS = 10_000;
    /// @notice Leases of a group.
    uint256 internal constant GROUP_SIZE = 32;
    uint256 private constant NO_ASK = type(uint256).max;
    /// @dev Greatest known verification; settlement, in the bits above, must be 0 (escrowed) here.
    uint256 private constant LAST_VERIFICATION = 3;

    // The compiler checks the range of an enum at every step of a match: numbers are cheaper.
    uint256 private constant ASK_EXPIRED = uint256(SkipReason.AskExpired);
    uint256 private constant ASK_CANCELLED = uint256(SkipReason.AskCancelled);
    uint256 private constant ASK_SIGNATURE = uint256(SkipReason.AskSignature);
    uint256 private constant QUOTE = uint256(SkipReason.Quote);
    uint256 private constant BID_EXPIRED = uint256(SkipReason.BidExpired);
    uint256 private constant BID_SIGNATURE = uint256(SkipReason.BidSignature);
    uint256 private constant BALANCE = uint256(SkipReason.Balance);
    uint256 private constant SALT_USED = uint256(SkipReason.SaltUsed);
    uint256 private constant COVER = uint256(SkipReason.Cover);
    uint256 private constant UNITS = uint256(SkipReason.Units);
    uint256 private constant REPLICAS = uint256(SkipReason.Replicas);
    uint256 private constant SETTLEMENT = uint256(SkipReason.Settlement);

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
        uint256 refused;
    }

    /// @dev A batch on its way: the group being filled, and the last bid opened (of which replicas may follow).
    struct Batch {
        bytes32 domainSeparator;
        bytes32 roundDigest;
        uint256 feeBps;
        uint256 group;
        GroupLib.Buffer leases;
        bytes32 lastBid;
        uint256 lastReplicas;
        address lastProvider;
        uint256[17] preimage;
        bytes[] signatures;
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
        // Events have 224 bits for a group's number.
        if (firstGroup > type(uint192).max) revert AmountTooLarge(firstGroup, type(uint192).max);
        Batch memory batch = _newBatch(roundDigest, firstGroup, _room(bids.length), signatures);
        AskInUse memory ask;
        ask.index = NO_ASK;
        uint256 first;
        unchecked {
            for (uint256 i = 0; i < bids.length; ++i) {
                SignedBid calldata bid = bids[i];
                uint256 resources = bid.resources;
                if (uint16(resources >> 16) != ask.index) {
                    if (ask.index != NO_ASK) _providers[ask.provider].word = ask.account;
                    ask.index = uint16(resources >> 16);
                    _useAsk(batch, asks[ask.index], ask);
                }
                uint256 reason = _openLease(batch, ask, bid, resources, bid.terms, renters[uint16(resources)]);
                if (reason != 0) {
                    if (first == 0) first = reason;
                    emit MatchSkipped(i, SkipReason(reason));
                } else if (batch.leases.count() == GROUP_SIZE) {
                    _storeGroup(batch);
                    batch.leases.reset(_room(bids.length - i - 1));
                }
            }
        }
        if (batch.leases.count() != 0) _storeGroup(batch);
        if (batch.group == firstGroup) revert NothingOpened(SkipReason(first));
        _providers[ask.provider].word = ask.account;
    }

    /// @inheritdoc IEscrowLeases
    function groupWord(address market, uint256 group) external view returns (uint256) {
        return _groups[market][group].word;
    }

    function _newBatch(bytes32 roundDigest, uint256 firstGroup, uint256 room, bytes[] calldata signatures)
        private
        view
        returns (Batch memory batch)
    {
        batch.signatures = signatures;
        batch.domainSeparator = _domainSeparatorV4();
        batch.roundDigest = roundDigest;
        batch.feeBps = feeBps;
        batch.group = firstGroup;
        batch.leases = GroupLib.create(room);
        batch.preimage = OrderLib.newPreimage(msg.sender);
    }

    function _useAsk(Batch memory batch, SignedAsk calldata signed, AskInUse memory ask) private view {
        address provider = address(uint160(signed.offer));
        ask.provider = provider;
        ask.account = _providers[provider].word;
        ask.rates = signed.rates;
        ask.minimum = uint64(signed.agentAndMinimum >> 160);
        ask.units = signed.rates >> 240;
        ask.refused = _refusalOf(batch, signed, provider, ask.account);
    }

    function _refusalOf(Batch memory batch, SignedAsk calldata signed, address provider, uint256 account)
        private
        view
        returns (uint256)
    {
        if (block.timestamp > uint40(signed.offer >> 160)) return ASK_EXPIRED;
        if (uint32(signed.offer >> 200) < account.askSalt()) return ASK_CANCELLED;
        bytes32 digest = MessageHashUtils.toTypedDataHash(batch.domainSeparator, OrderLib.hashAsk(signed, msg.sender));
        if (_isSigned(batch, provider, digest, signed.r, signed.vs)) return 0;
        // A delegated agent may price its own node, so that the provider's key can stay cold.
        address agent = address(uint160(signed.agentAndMinimum));
        if (isAgent[provider][agent] && _isSigned(batch, agent, digest, signed.r, signed.vs)) return 0;
        return ASK_SIGNATURE;
    }

    /// @dev 0, or the number of the reason why the match is left out.
    function _openLease(
        Batch memory batch,
        AskInUse memory ask,
        SignedBid calldata bid,
        uint256 resources,
        uint256 terms,
        address renter
    ) private returns (uint256) {
        unchecked {
            if (ask.refused != 0) return ask.refused;
            uint256 price = uint64(terms >> 64);
            if (price > uint64(terms)) return QUOTE;
            if (price < OrderLib.quote(ask.rates, ask.minimum, resources)) return QUOTE;
            if (block.timestamp > uint40(terms >> 168)) return BID_EXPIRED;
            if (block.timestamp >= uint40(terms >> 128)) return BID_EXPIRED;

            // The penalty that a lease's provider must cover equals its price.
            uint256 provider = ask.account;
            if (provider.covered() + price > provider.cover()) return COVER;
            if (provider.openLeases() >= ask.units) return UNITS;

            StoredWord storage stored = _renters[renter];
            uint256 account = stored.word;
            if (account.free() < price) return BALANCE;
            bytes32 bidHash = OrderLib.hashBid(batch.preimage, renter, bid.jobDigest, resources, terms);
            if (bidHash == batch.lastBid) {
                if (!_isNextReplica(batch, ask.provider, uint8(resources >> 224))) return REPLICAS;
            } else {
                // One comparison for two fields: an unknown verification, another settlement.
                if (resources >> 232 > LAST_VERIFICATION) return SETTLEMENT;
                if (uint8(resources >> 224) == 0) return REPLICAS;
                account = account.use(terms >> 208);
                if (account == 0) return SALT_USED;
                bytes32 digest = MessageHashUtils.toTypedDataHash(batch.domainSeparator, bidHash);
                if (!_isSigned(batch, renter, digest, bid.r, bid.vs)) return BID_SIGNATURE;
                batch.lastBid = bidHash;
                batch.lastReplicas = 1;
                batch.lastProvider = ask.provider;
            }

            ask.account = provider.addLease(price);
            stored.word = account - price;
            batch.leases.push(
                bidHash,
                uint160(renter) | uint256(uint40(terms >> 128)) << 160 | (terms >> 208) << 200,
                uint160(ask.provider) | price << 160 | batch.feeBps << 224
            );
            return 0;
        }
    }

    /// @dev Replicas of a bid stand next to each other, by ascending provider: that makes them distinct, and the bid's
    /// signature and salt need one look.
    function _isNextReplica(Batch memory batch, address provider, uint256 replicas) private pure returns (bool) {
        if (batch.lastReplicas == replicas || provider <= batch.lastProvider) return false;
        ++batch.lastReplicas;
        batch.lastProvider = provider;
        return true;
    }

    function _isSigned(Batch memory batch, address signer, bytes32 digest, bytes32 r, bytes32 vs)
        private
        view
        returns (bool)
    {
        if (vs != 0) return SignatureLib.isSignedBy(signer, digest, r, vs);
        return SignatureLib.isValidERC1271(signer, digest, batch.signatures[uint256(r)]);
    }

    function _storeGroup(Batch memory batch) private {
        StoredWord storage stored = _groups[msg.sender][batch.group];
        if (uint32(stored.word) != 0) revert GroupInUse(msg.sender, batch.group);
        bytes32 commitment = batch.leases.commit();
        stored.word = uint256(commitment) << GROUP_SIZE | ((1 << batch.leases.count()) - 1);
        batch.leases.tell(msg.sender, batch.group, batch.roundDigest);
        ++batch.group;
    }

    function _room(uint256 bids) private pure returns (uint256) {
        return bids < GROUP_SIZE ? bids : GROUP_SIZE;
    }

    function _commitment(bytes32 bidsDigest, bytes32 termsDigest) internal pure returns (bytes32) {
        return keccak256(abi.encode(bidsDigest, termsDigest));
    }
}
