// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IEscrow} from "../interfaces/IEscrow.sol";

/// @notice Renters' accounts as stored; wrapped so that a slot is found once and used twice.
struct StoredWord {
    uint256 word;
}

/// @title RenterLib
/// @notice A renter's account in one word. From the lowest bit: free 64, saltBase 48, window 144.
/// @dev The window is a sliding one as of IPsec's anti-replay service (RFC 4303 §3.4.3): using a salt ahead of it moves
/// it forward, and whatever salts fall out below are void.
library RenterLib {
    uint256 internal constant WINDOW = 144;
    uint256 private constant FREE_MASK = type(uint64).max;

    function free(uint256 account) internal pure returns (uint256) {
        return account & FREE_MASK;
    }

    function saltBase(uint256 account) internal pure returns (uint256) {
        return uint48(account >> 64);
    }

    /// @notice Whether a bid with this salt can not be opened any more.
    function isUsed(uint256 account, uint256 salt) internal pure returns (bool) {
        uint256 base = saltBase(account);
        if (salt < base) return true;
        uint256 offset = salt - base;
        return offset < WINDOW && (account >> 112 >> offset) & 1 == 1;
    }

    /// @notice The account with this salt used; 0 if it was used already.
    function use(uint256 account, uint256 salt) internal pure returns (uint256) {
        unchecked {
            uint256 base = saltBase(account);
            if (salt < base) return 0;
            uint256 offset = salt - base;
            uint256 window = account >> 112;
            if (offset >= WINDOW) {
                uint256 shift = offset - (WINDOW - 1);
                window >>= shift;
                base += shift;
                offset = WINDOW - 1;
            }
            if ((window >> offset) & 1 == 1) return 0;
            return (account & FREE_MASK) | (base << 64) | ((window | (1 << offset)) << 112);
        }
    }

    /// @notice The account with every salt below `salt` void.
    function voidBefore(uint256 account, uint256 salt) internal pure returns (uint256) {
        uint256 base = saltBase(account);
        if (salt <= base) return account;
        uint256 shift = salt - base;
        uint256 window = account >> 112 >> shift;
        return (account & FREE_MASK) | (salt << 64) | (window << 112);
    }

    function unpack(uint256 account) internal pure returns (IEscrow.RenterAccount memory) {
        return IEscrow.RenterAccount(uint64(account), uint48(account >> 64), uint144(account >> 112));
    }
}

/// @title TallyLib
/// @notice Leases of one provider that are closed together, added up in one word. From the lowest bit, 48 each: pay net of
/// the fee, released (the penalties, which need no cover any more), slashed (the part of them that fraud cost); then
/// 16 bits for each way to end. A provider's open leases fit: their number in 16 bits, their penalties in 48.
library TallyLib {
    uint256 internal constant SETTLED = 1 << 144;
    uint256 internal constant FAILED = 1 << 160;
    uint256 internal constant EXPIRED = 1 << 176;
    uint256 internal constant FRAUDS = 1 << 192;
    uint256 internal constant UNJUDGED = 1 << 208;

    /// @notice One lease: `ending` is one of the constants above.
    function one(uint256 ending, uint256 pay_, uint256 released_) internal pure returns (uint256) {
        return ending | released_ << 48 | pay_;
    }

    /// @notice One lease whose penalty is lost.
    function fraud(uint256 released_) internal pure returns (uint256) {
        return FRAUDS | released_ << 96 | released_ << 48;
    }

    function pay(uint256 tally) internal pure returns (uint256) {
        return uint48(tally);
    }

    function released(uint256 tally) internal pure returns (uint256) {
        return uint48(tally >> 48);
    }

    function slashed(uint256 tally) internal pure returns (uint256) {
        return uint48(tally >> 96);
    }

    function count(uint256 tally, uint256 ending) internal pure returns (uint256) {
        return uint16(tally / ending);
    }
}

/// @title ProviderLib
/// @notice A provider's account in one word. From the lowest bit: earned 56, cover 48, covered 48, openLeases 16,
/// askSalt 32, settled 24, failed 12, expired 12, frauds 8.
library ProviderLib {
    uint256 internal constant COVERED = 104;
    uint256 internal constant OPEN_LEASES = 152;
    uint256 internal constant ASK_SALT = 168;
    uint256 internal constant MAX_COVER = type(uint48).max;
    uint256 internal constant MAX_EARNED = type(uint56).max;
    uint256 private constant COVER = 56;
    uint256 private constant SETTLED = 200;
    uint256 private constant FAILED = 224;
    uint256 private constant EXPIRED = 236;
    uint256 private constant FRAUDS = 248;

    function earned(uint256 account) internal pure returns (uint256) {
        return uint56(account);
    }

    function cover(uint256 account) internal pure returns (uint256) {
        return uint48(account >> COVER);
    }

    function covered(uint256 account) internal pure returns (uint256) {
        return uint48(account >> COVERED);
    }

    function openLeases(uint256 account) internal pure returns (uint256) {
        return uint16(account >> OPEN_LEASES);
    }

    function askSalt(uint256 account) internal pure returns (uint256) {
        return uint32(account >> ASK_SALT);
    }

    /// @notice One more open lease with this penalty. The caller has checked that cover and units allow it.
    function addLease(uint256 account, uint256 penalty) internal pure returns (uint256) {
        unchecked {
            return account + (penalty << COVERED) + (1 << OPEN_LEASES);
        }
    }

    /// @notice The account once the leases in `tally` (see {TallyLib}) are closed. The caller has seen to it that the pay
    /// fits.
    function close(uint256 account, uint256 tally) internal pure returns (uint256) {
        uint256 settled = TallyLib.count(tally, TallyLib.SETTLED);
        uint256 failed = TallyLib.count(tally, TallyLib.FAILED);
        uint256 expired = TallyLib.count(tally, TallyLib.EXPIRED);
        uint256 frauds = TallyLib.count(tally, TallyLib.FRAUDS);
        unchecked {
            uint256 leases = settled + failed + expired + frauds + TallyLib.count(tally, TallyLib.UNJUDGED);
            account = account + TallyLib.pay(tally) - (TallyLib.slashed(tally) << COVER)
                - (TallyLib.released(tally) << COVERED) - (leases << OPEN_LEASES);
        }
        account = _count(account, SETTLED, type(uint24).max, settled);
        account = _count(account, FAILED, 0xfff, failed);
        account = _count(account, EXPIRED, 0xfff, expired);
        return _count(account, FRAUDS, type(uint8).max, frauds);
    }

    function withCover(uint256 account, uint256 cover_) internal pure returns (uint256) {
        return (account & ~(MAX_COVER << COVER)) | (cover_ << COVER);
    }

    function withAskSalt(uint256 account, uint256 salt) internal pure returns (uint256) {
        return (account & ~(uint256(type(uint32).max) << ASK_SALT)) | (salt << ASK_SALT);
    }

    function unpack(uint256 account, uint256 withdrawn) internal pure returns (IEscrow.ProviderAccount memory) {
        return IEscrow.ProviderAccount({
            earned: uint56(account),
            cover: uint48(account >> COVER),
            covered: uint48(account >> COVERED),
            openLeases: uint16(account >> OPEN_LEASES),
            askSalt: uint32(account >> ASK_SALT),
            settled: uint24(account >> SETTLED),
            failed: uint16(account >> FAILED) & 0xfff,
            expired: uint16(account >> EXPIRED) & 0xfff,
            frauds: uint8(account >> FRAUDS),
            withdrawn: withdrawn
        });
    }

    /// @dev A counter must never block a settlement: at its greatest value it stays.
    function _count(uint256 account, uint256 shift, uint256 greatest, uint256 more) private pure returns (uint256) {
        if (more == 0) return account;
        unchecked {
            uint256 room = greatest - ((account >> shift) & greatest);
            return account + ((more < room ? more : room) << shift);
        }
    }
}
