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

    function _sum() private view returns (uint256 sum) {
        sum = _credits.treasuryOf();
        for (uint256 i = 0; i < MEMBERS; ++i) {
            sum += _credits.memberOf(i);
        }
    }

    function _assertShared(uint256 first, uint256 second, uint64 amount, uint256 signers) private {
        // What the law above proves, told to the solver: as a lemma it is quick, inside this law it is not.
        uint256 count = signers == 2 ? 1 : signers == 48 ? 2 : 3;
        PROVER.assume(uint256(amount) * 2_000 / 10_000 / count * count <= amount);
        (_credits[0], _credits[1]) = (first, second);
        uint256[MEMBERS] memory before;
        for (uint256 i = 0; i < MEMBERS; ++i) {
            before[i] = _credits.memberOf(i);
        }
        uint256 sum = _sum();
        _credits.share(amount, signers);
        assert(_sum() == sum + amount);
        for (uint256 i = 0; i < MEMBERS; ++i) {
            if ((signers >> i) & 1 == 0) assert(_credits.memberOf(i) == before[i]);
            else assert(_credits.memberOf(i) >= before[i]);
        }
    }

    function check_share_with_one_signer_loses_and_makes_nothing(uint256 first, uint256 second, uint64 amount) external {
        _assertShared(first, second, amount, 2);
    }

    function check_share_with_three_signers_loses_and_makes_nothing(uint256 first, uint256 second, uint64 amount)
        external
    {
        _assertShared(first, second, amount, 11);
    }

    function check_share_across_words_loses_and_makes_nothing(uint256 first, uint256 second, uint64 amount) external {
        _assertShared(first, second, amount, 48);
    }

    function _assertTaken(uint256 first, uint256 second, uint256 member) private {
        (_credits[0], _credits[1]) = (first, second);
        uint256 before = _sum();
        uint256 held = _credits.memberOf(member);
        assert(_credits.takeMember(member) == held);
        assert(_sum() == before - held);
        assert(_credits.takeMember(member) == 0);
    }

    function check_takeMember_in_the_first_word_takes_one_purse_once(uint256 first, uint256 second) external {
        _assertTaken(first, second, 4);
    }

    function check_takeMember_in_the_second_word_takes_one_purse_once(uint256 first, uint256 second) external {
        _assertTaken(first, second, 5);
    }

    function check_takeTreasury_takes_its_purse_once(uint256 first, uint256 second) external {
        (_credits[0], _credits[1]) = (first, second);
        uint256 before = _sum();
        uint256 held = _credits.treasuryOf();
        assert(_credits.takeTreasury() == held);
        assert(_sum() == before - held);
        assert(_credits.takeTreasury() == 0);
    }
}
