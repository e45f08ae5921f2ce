// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IEscrow} from "../interfaces/IEscrow.sol";
import {IPrepaid} from "../interfaces/IPrepaid.sol";

/// @title EarningLib
/// @notice A provider's account at {IPrepaid} in one word. From the lowest bit: balance 64, volume 64, askSalt 32,
/// settled 32, failed 32, frauds 32.
/// @dev A tally is what a batch adds to it, from the lowest bit: pay 128, settled 32, failed 32, frauds 32.
library EarningLib {
    uint256 private constant PAY_MASK = type(uint128).max;
    uint256 private constant BALANCE_MASK = type(uint64).max;
    uint256 private constant COUNTER_MASK = type(uint32).max;
    uint256 private constant VOLUME = 64;
    uint256 private constant ASK_SALT = 128;
    /// @dev Where the first counter lies; the others follow at 32 bits each.
    uint256 private constant TALLY_COUNTERS = 128;
    uint256 private constant SETTLED = 160;
    /// @notice What counts a paid job in a tally.
    uint256 internal constant ONE_PAID = 1 << TALLY_COUNTERS;

    function balance(uint256 account) internal pure returns (uint256) {
        return account & BALANCE_MASK;
    }

    function askSalt(uint256 account) internal pure returns (uint256) {
        return uint32(account >> ASK_SALT);
    }

    function withAskSalt(uint256 account, uint256 salt) internal pure returns (uint256) {
        return (account & ~(COUNTER_MASK << ASK_SALT)) | (salt << ASK_SALT);
    }

    /// @notice What counts a job without pay in a tally: 2 failed, 3 fraud; 0 for any other outcome.
    function unpaid(uint256 outcome) internal pure returns (uint256) {
        if (outcome == uint8(IEscrow.Outcome.Failed)) return ONE_PAID << 32;
        return outcome == uint8(IEscrow.Outcome.Fraud) ? ONE_PAID << 64 : 0;
    }

    /// @notice A tally of so many paid jobs.
    function paid(uint256 amount, uint256 jobs) internal pure returns (uint256) {
        return amount | jobs << TALLY_COUNTERS;
    }

    /// @notice The account once the tally is in. Volume and counters stay at their greatest value: they must never block
    /// a settlement. The balance cannot overflow, being part of what the contract holds.
    function add(uint256 account, uint256 tally) internal pure returns (uint256) {
        unchecked {
            uint256 pay = tally & PAY_MASK;
            account = _addUpTo(account + pay, VOLUME, BALANCE_MASK, pay);
            account = _addUpTo(account, SETTLED, COUNTER_MASK, uint32(tally >> TALLY_COUNTERS));
            if (tally >> (TALLY_COUNTERS + 32) != 0) {
                account = _addUpTo(account, SETTLED + 32, COUNTER_MASK, uint32(tally >> (TALLY_COUNTERS + 32)));
                account = _addUpTo(account, SETTLED + 64, COUNTER_MASK, tally >> (TALLY_COUNTERS + 64));
            }
            return account;
        }
    }

    /// @notice A tally as events tell it: `credit`, what they tell of the provider already, and the tally. From the lowest
    /// bit: provider 160, amount 64, paid jobs 32.
    function toCredit(uint256 tally, uint256 credit, address provider) internal pure returns (uint256) {
        unchecked {
            uint256 more = uint64(tally) | uint256(uint32(tally >> TALLY_COUNTERS)) << 64;
            return uint160(provider) | ((credit >> 160) + more) << 160;
        }
    }

    /// @notice How many jobs of a tally have no pay.
    function unpaidJobs(uint256 tally) internal pure returns (uint256 failed, uint256 frauds) {
        return (uint32(tally >> (TALLY_COUNTERS + 32)), tally >> (TALLY_COUNTERS + 64));
    }

    function unpack(uint256 account) internal pure returns (IPrepaid.ProviderAccount memory) {
        return IPrepaid.ProviderAccount({
            balance: uint64(account),
            volume: uint64(account >> VOLUME),
            askSalt: uint32(account >> ASK_SALT),
            settled: uint32(account >> SETTLED),
            failed: uint32(account >> (SETTLED + 32)),
            frauds: uint32(account >> (SETTLED + 64))
        });
    }

    function _addUpTo(uint256 account, uint256 shift, uint256 greatest, uint256 more) private pure returns (uint256) {
        unchecked {
            uint256 room = greatest - ((account >> shift) & greatest);
            return account + ((more < room ? more : room) << shift);
        }
    }
}
