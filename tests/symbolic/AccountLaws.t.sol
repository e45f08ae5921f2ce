// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ProviderLib, RenterLib} from "../../contracts/libraries/AccountLib.sol";
import {Symbolic} from "./Symbolic.sol";

/// @notice Laws of a provider's packed account, for every word and every tally.
contract ProviderLaws is Symbolic {
    using ProviderLib for uint256;

    /// @dev What a call of `close` may rely on: the contract adds to these fields exactly what it later takes away.
    function _assumeOwed(uint256 account, ProviderLib.Tally memory tally, uint256 leases) private pure {
        PROVER.assume(tally.pay <= type(uint64).max);
        PROVER.assume(tally.released <= account.covered());
        PROVER.assume(tally.slashed <= tally.released && account.covered() <= account.cover());
        PROVER.assume(leases <= account.openLeases());
    }

    function _assertMoved(uint256 account, ProviderLib.Tally memory tally, uint256 leases) private pure {
        _assumeOwed(account, tally, leases);
        uint256 after_ = account.close(tally);
        assert(after_.earned() == account.earned() + tally.pay);
        assert(after_.cover() == account.cover() - tally.slashed);
        assert(after_.covered() == account.covered() - tally.released);
        assert(after_.covered() <= after_.cover());
        assert(after_.openLeases() == account.openLeases() - leases);
        assert(after_.askSalt() == account.askSalt());
        assert((after_ >> 200) & 0xffffff == _capped((account >> 200) & 0xffffff, tally.settled, type(uint24).max));
        assert((after_ >> 224) & 0xfff == _capped((account >> 224) & 0xfff, tally.failed, 0xfff));
        assert((after_ >> 236) & 0xfff == _capped((account >> 236) & 0xfff, tally.expired, 0xfff));
        assert(after_ >> 248 == _capped(account >> 248, tally.frauds, 0xff));
    }

    function _tally(uint256 released, uint256 pay, uint256 slashed) private pure returns (ProviderLib.Tally memory tally) {
        (tally.released, tally.pay, tally.slashed) = (released, pay, slashed);
    }

    function check_close_of_settled_leases_moves_money_and_counts_exactly(
        uint256 account,
        uint256 released,
        uint256 pay,
        uint256 slashed,
        uint16 leases
    ) external pure {
        ProviderLib.Tally memory tally = _tally(released, pay, slashed);
        tally.settled = leases;
        _assertMoved(account, tally, leases);
    }

    function check_close_of_failed_leases_moves_money_and_counts_exactly(
        uint256 account,
        uint256 released,
        uint256 pay,
        uint256 slashed,
        uint16 leases
    ) external pure {
        ProviderLib.Tally memory tally = _tally(released, pay, slashed);
        tally.failed = leases;
        _assertMoved(account, tally, leases);
    }

    function check_close_of_expired_leases_moves_money_and_counts_exactly(
        uint256 account,
        uint256 released,
        uint256 pay,
        uint256 slashed,
        uint16 leases
    ) external pure {
        ProviderLib.Tally memory tally = _tally(released, pay, slashed);
        tally.expired = leases;
        _assertMoved(account, tally, leases);
    }

    function check_close_of_fraudulent_leases_moves_money_and_counts_exactly(
        uint256 account,
        uint256 released,
        uint256 pay,
        uint256 slashed,
        uint16 leases
    ) external pure {
        ProviderLib.Tally memory tally = _tally(released, pay, slashed);
        tally.frauds = leases;
        _assertMoved(account, tally, leases);
    }

    function check_close_of_unjudged_leases_moves_money_and_counts_exactly(
        uint256 account,
        uint256 released,
        uint256 pay,
        uint256 slashed,
        uint16 leases
    ) external pure {
        ProviderLib.Tally memory tally = _tally(released, pay, slashed);
        tally.unjudged = leases;
        _assertMoved(account, tally, leases);
    }

    function check_close_of_mixed_leases_moves_money_and_counts_exactly(
        uint256 account,
        uint256 released,
        uint256 pay,
        uint256 slashed,
        uint16 settled,
        uint16 frauds
    ) external pure {
        ProviderLib.Tally memory tally = _tally(released, pay, slashed);
        (tally.settled, tally.frauds) = (settled, frauds);
        _assertMoved(account, tally, uint256(settled) + frauds);
    }

    function check_addLease_is_undone_by_close(uint256 account, uint64 price) external pure {
        PROVER.assume(account.covered() + price <= account.cover());
        PROVER.assume(account.openLeases() < type(uint16).max);
        uint256 opened = account.addLease(price);
        assert(opened.covered() == account.covered() + price && opened.openLeases() == account.openLeases() + 1);
        ProviderLib.Tally memory tally;
        tally.released = price;
        tally.unjudged = 1;
        assert(opened.close(tally) == account);
    }

    function check_withCover_touches_cover_alone(uint256 account, uint48 cover) external pure {
        uint256 after_ = account.withCover(cover);
        assert(after_.cover() == cover);
        assert(after_.withCover(account.cover()) == account);
    }

    function check_withAskSalt_touches_askSalt_alone(uint256 account, uint32 salt) external pure {
        uint256 after_ = account.withAskSalt(salt);
        assert(after_.askSalt() == salt);
        assert(after_.withAskSalt(account.askSalt()) == account);
    }

    function _capped(uint256 count, uint256 more, uint256 greatest) private pure returns (uint256) {
        return count + more > greatest ? greatest : count + more;
    }
}

/// @notice Laws of a renter's packed account, for every word and every salt.
contract RenterLaws is Symbolic {
    using RenterLib for uint256;

    function check_use_takes_a_salt_exactly_once(uint256 account, uint48 salt) external pure {
        uint256 after_ = account.use(salt);
        assert((after_ == 0) == account.isUsed(salt));
        if (after_ == 0) return;
        assert(after_.isUsed(salt));
        assert(after_.use(salt) == 0);
    }

    function check_use_frees_no_salt_and_moves_no_money(uint256 account, uint48 salt, uint48 other) external pure {
        uint256 after_ = account.use(salt);
        if (after_ == 0) return;
        assert(after_.free() == account.free());
        if (account.isUsed(other)) assert(after_.isUsed(other));
    }

    function check_use_voids_no_other_salt_of_the_window(uint256 account, uint48 salt, uint48 other) external pure {
        uint256 after_ = account.use(salt);
        if (after_ == 0 || other == salt || account.isUsed(other)) return;
        // What lies a whole window below the salt used falls out; nothing else does.
        if (uint256(other) + RenterLib.WINDOW > salt) assert(!after_.isUsed(other));
    }

    function check_voidBefore_voids_what_lies_below(uint256 account, uint48 salt, uint48 other) external pure {
        uint256 after_ = account.voidBefore(salt);
        assert(after_.free() == account.free());
        if (other < salt) assert(after_.isUsed(other));
        else assert(after_.isUsed(other) == account.isUsed(other));
    }
}
