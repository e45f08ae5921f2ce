// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {FeeLib} from "../../contracts/libraries/FeeLib.sol";
import {Symbolic} from "./Symbolic.sol";

/// @notice Laws of the fees of one epoch, for every state of its purses and every amount. Bounded in who signed: one
/// member, three members, and members on both sides of the first word's end.
contract FeeLaws is Symbolic {
    using FeeLib for mapping(uint256 => uint256);

    /// @dev As many as lie in the first two words and are looked at: members 4 and 5 are in different ones.
    uint256 private constant MEMBERS = 7;
    mapping(uint256 => uint256) private _credits;

    function check_no_fee_is_more_than_the_pay(uint64 pay, uint16 feeBps) external pure {
        PROVER.assume(feeBps <= 1_000);
        uint256 fee = uint256(pay) * feeBps / 10_000;
        assert(fee <= pay && fee * 2_000 / 10_000 <= fee);
    }

    function check_no_share_is_more_than_the_fee(uint64 amount) external pure {
        for (uint256 signers = 1; signers < 4; ++signers) {
            assert(uint256(amount) * 2_000 / 10_000 / signers * signers <= amount);
        }
    }

    /// @dev Each signer has an equal share more, unless its purse is full; the treasury has all the rest.
    function _assertShared(uint256 first, uint256 second, uint64 amount, uint256 signers, uint256 count) private {
        (_credits[0], _credits[1]) = (first, second);
        uint256 each = uint256(amount) * 2_000 / 10_000 / count;
        uint256 rest = amount;
        PROVER.assume(each * count <= amount); // proven above; as a lemma it is quick, inside of this law it is not
        uint256[MEMBERS] memory expected;
        for (uint256 i = 0; i < MEMBERS; ++i) {
            expected[i] = _credits.memberOf(i);
            if ((signers >> i) & 1 == 0 || expected[i] + each > type(uint40).max) continue;
            (expected[i], rest) = (expected[i] + each, rest - each);
        }
        uint256 treasury = _credits.treasuryOf();
        _credits.share(amount, signers);
        assert(_credits.treasuryOf() == treasury + rest);
        for (uint256 i = 0; i < MEMBERS; ++i) {
            assert(_credits.memberOf(i) == expected[i]);
        }
    }

    function check_share_with_one_signer_loses_and_makes_nothing(uint256 first, uint256 second, uint64 amount) external {
        _assertShared(first, second, amount, 2, 1);
    }

    function check_share_with_three_signers_loses_and_makes_nothing(uint256 first, uint256 second, uint64 amount)
        external
    {
        _assertShared(first, second, amount, 11, 3);
    }

    function check_share_across_words_loses_and_makes_nothing(uint256 first, uint256 second, uint64 amount) external {
        _assertShared(first, second, amount, 48, 2);
    }

    /// @dev What one purse held is out of it, once; every other purse is as it was. `MEMBERS` stands for the treasury.
    function _assertTaken(uint256 first, uint256 second, uint256 member) private {
        (_credits[0], _credits[1]) = (first, second);
        uint256[MEMBERS + 1] memory before;
        for (uint256 i = 0; i <= MEMBERS; ++i) {
            before[i] = _held(i);
        }
        assert(_take(member) == before[member] && _take(member) == 0);
        for (uint256 i = 0; i <= MEMBERS; ++i) {
            assert(_held(i) == (i == member ? 0 : before[i]));
        }
    }

    function _held(uint256 purse) private view returns (uint256) {
        return purse == MEMBERS ? _credits.treasuryOf() : _credits.memberOf(purse);
    }

    function _take(uint256 purse) private returns (uint256) {
        return purse == MEMBERS ? _credits.takeTreasury() : _credits.takeMember(purse);
    }

    function check_takeMember_in_the_first_word_takes_one_purse_once(uint256 first, uint256 second) external {
        _assertTaken(first, second, 4);
    }

    function check_takeMember_in_the_second_word_takes_one_purse_once(uint256 first, uint256 second) external {
        _assertTaken(first, second, 5);
    }

    function check_takeTreasury_takes_its_purse_once(uint256 first, uint256 second) external {
        _assertTaken(first, second, MEMBERS);
    }
}
