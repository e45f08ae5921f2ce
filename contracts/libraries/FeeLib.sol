// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IEscrow} from "../interfaces/IEscrow.sol";

/// @title FeeLib
/// @notice Fees collected in an epoch of the committee: the treasury's and each member's, packed so that a batch signed by
/// members 0 to 4 writes one word. Word 0, from the lowest bit: treasury 56, then members 0 to 4 with 40 each; word j:
/// members 6j - 1 to 6j + 4 with 40 each.
library FeeLib {
    /// @notice Share of the fees that goes to the oracles that signed, in equal parts; the rest is the treasury's.
    uint256 internal constant ORACLE_SHARE_BPS = 2_000;
    uint256 private constant BPS = 10_000;
    uint256 private constant TREASURY_BITS = 56;
    uint256 private constant MEMBER_BITS = 40;
    uint256 private constant TREASURY_MASK = type(uint56).max;
    uint256 private constant MEMBER_MASK = type(uint40).max;

    /// @notice Shares `amount` among treasury and `signers` (bit i: member i). What does not divide, and what a member's
    /// 40 bits cannot hold (a million USDC it has not fetched), is the treasury's: a full purse must not stop a batch.
    function share(mapping(uint256 => uint256) storage credits, uint256 amount, uint256 signers) internal {
        uint256 each = amount * ORACLE_SHARE_BPS / BPS / _count(signers);
        uint256 rest = amount;
        uint256 place = 0;
        uint256 word = credits[0];
        unchecked {
            for (uint256 i = 0; signers >> i != 0; ++i) {
                if ((signers >> i) & 1 == 0) continue;
                (uint256 at, uint256 shift) = _locate(i);
                if (at != place) {
                    credits[place] = word;
                    place = at;
                    word = credits[at];
                }
                if (((word >> shift) & MEMBER_MASK) + each > MEMBER_MASK) continue;
                word += each << shift;
                rest -= each;
            }
        }
        if (place != 0) {
            credits[place] = word;
            word = credits[0];
        }
        credits[0] = _withTreasury(word, rest);
    }

    /// @notice Adds to the treasury's part. Full at 72 thousand million USDC, which anyone can mend by withdrawing it.
    function addTreasury(mapping(uint256 => uint256) storage credits, uint256 amount) internal {
        credits[0] = _withTreasury(credits[0], amount);
    }

    function takeTreasury(mapping(uint256 => uint256) storage credits) internal returns (uint256 amount) {
        amount = credits[0] & TREASURY_MASK;
        credits[0] -= amount;
    }

    function takeMember(mapping(uint256 => uint256) storage credits, uint256 index) internal returns (uint256 amount) {
        (uint256 at, uint256 shift) = _locate(index);
        amount = (credits[at] >> shift) & MEMBER_MASK;
        credits[at] -= amount << shift;
    }

    function treasuryOf(mapping(uint256 => uint256) storage credits) internal view returns (uint256) {
        return credits[0] & TREASURY_MASK;
    }

    function memberOf(mapping(uint256 => uint256) storage credits, uint256 index) internal view returns (uint256) {
        (uint256 at, uint256 shift) = _locate(index);
        return (credits[at] >> shift) & MEMBER_MASK;
    }

    function _withTreasury(uint256 word, uint256 amount) private pure returns (uint256) {
        uint256 sum = (word & TREASURY_MASK) + amount;
        if (sum > TREASURY_MASK) revert IEscrow.AmountTooLarge(sum, TREASURY_MASK);
        return word + amount;
    }

    function _locate(uint256 index) private pure returns (uint256 place, uint256 shift) {
        unchecked {
            if (index < 5) return (0, TREASURY_BITS + MEMBER_BITS * index);
            return ((index + 1) / 6, MEMBER_BITS * ((index + 1) % 6));
        }
    }

    function _count(uint256 bits) private pure returns (uint256 count) {
        for (; bits != 0; bits &= bits - 1) ++count;
    }
}
