// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ProviderLib, RenterLib, TallyLib} from "../../contracts/libraries/AccountLib.sol";
import {Symbolic} from "./Symbolic.sol";

/// @notice Laws of a provider's packed account, for every word and every tally.
contract ProviderLaws is Symbolic {
    using ProviderLib for uint256;
    using TallyLib for uint256;

    /// @dev What a call of `close` may rely on: the contract adds to these fields exactly what it later takes away, and
    /// credits elsewhere what `earned` cannot hold.
    function _assumeOwed(uint256 account, uint256 tally, uint256 leases) private pure {
        PROVER.assume(account.earned() + tally.pay() <= ProviderLib.MAX_EARNED);
        PROVER.assume(tally.released() <= account.covered() && account.covered() <= account.cover());
        PROVER.assume(tally.slashed() <= tally.released() && leases <= account.openLeases());
    }

    function _assertMoved(uint256 account, uint256 tally, uint256 leases) private pure {
        _assumeOwed(account, tally, leases);
        uint256 after_ = account.close(tally);
        assert(after_.earned() == account.earned() + tally.pay());
        assert(after_.cover() == account.cover() - tally.slashed());
        assert(after_.covered() == account.covered() - tally.released());
        assert(after_.covered() <= after_.cover());
        assert(after_.openLeases() == account.openLeases() - leases);
        assert(after_.askSalt() == account.askSalt());
        uint256 settled = tally.count(TallyLib.SETTLED);
        assert((after_ >> 200) & 0xffffff == _capped((account >> 200) & 0xffffff, settled, type(uint24).max));
        assert((after_ >> 224) & 0xfff == _capped((account >> 224) & 0xfff, tally.count(TallyLib.FAILED), 0xfff));
        assert((after_ >> 236) & 0xfff == _capped((account >> 236) & 0xfff, tally.count(TallyLib.EXPIRED), 0xfff));
        assert(after_ >> 248 == _capped(account >> 248, tally.count(TallyLib.FRAUDS), 0xff));
    }

    function _tally(uint256 money, uint256 ending, uint16 leases) private pure returns (uint256) {
        return (money & ((1 << 144) - 1)) | (leases * ending);
    }

    function check_close_of_settled_leases_moves_money_and_counts_exactly(uint256 account, uint256 money, uint16 leases)
        external
        pure
    {
        _assertMoved(account, _tally(money, TallyLib.SETTLED, leases), leases);
    }

    function check_close_of_failed_leases_moves_money_and_counts_exactly(uint256 account, uint256 money, uint16 leases)
        external
        pure
    {
        _assertMoved(account, _tally(money, TallyLib.FAILED, leases), leases);
    }

    function check_close_of_expired_leases_moves_money_and_counts_exactly(uint256 account, uint256 money, uint16 leases)
        external
        pure
    {
        _assertMoved(account, _tally(money, TallyLib.EXPIRED, leases), leases);
    }

    function check_close_of_fraudulent_leases_moves_money_and_counts_exactly(uint256 account, uint256 money, uint16 leases)
        external
        pure
    {
        _assertMoved(account, _tally(money, TallyLib.FRAUDS, leases), leases);
    }

    function check_close_of_unjudged_leases_moves_money_and_counts_exactly(uint256 account, uint256 money, uint16 leases)
        external
        pure
    {
        _assertMoved(account, _tally(money, TallyLib.UNJUDGED, leases), leases);
    }

    function check_close_of_mixed_leases_moves_money_and_counts_exactly(
        uint256 account,
        uint256 money,
        uint16 settled,
        uint16 frauds
    ) external pure {
        uint256 tally = _tally(money, TallyLib.SETTLED, settled) | (frauds * TallyLib.FRAUDS);
        _assertMoved(account, tally, uint256(settled) + frauds);
    }

    function check_tallies_of_two_leases_add_up(uint48 pay, uint48 locked, uint48 otherLocked)
        external
        pure
    {
        PROVER.assume(uint256(locked) + otherLocked < 1 << 48);
        uint256 tally = TallyLib.one(TallyLib.SETTLED, pay, locked) + TallyLib.fraud(otherLocked);
        assert(tally.pay() == pay && tally.slashed() == otherLocked);
        assert(tally.released() == uint256(locked) + otherLocked);
        assert(tally.count(TallyLib.SETTLED) == 1 && tally.count(TallyLib.FRAUDS) == 1);
        assert(tally.count(TallyLib.FAILED) + tally.count(TallyLib.EXPIRED) + tally.count(TallyLib.UNJUDGED) == 0);
    }

    function check_addLease_is_undone_by_close(uint256 account, uint48 price) external pure {
        PROVER.assume(account.covered() + price <= account.cover());
        PROVER.assume(account.openLeases() < type(uint16).max);
        uint256 opened = account.addLease(price);
        assert(opened.covered() == account.covered() + price && opened.openLeases() == account.openLeases() + 1);
        assert(opened.close(TallyLib.one(TallyLib.UNJUDGED, 0, price)) == account);
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
