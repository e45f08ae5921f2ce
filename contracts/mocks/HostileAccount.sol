// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

/// @notice Hostile: an account whose answer about a signature is whatever it was told to do.
contract HostileAccount {
    enum Answer {
        Yes,
        Reverts,
        BurnsAllGas,
        ReturnsTooMuch,
        ReturnsFourBytes,
        ReturnsNothing,
        ReturnsTrue,
        YesWithRubbish
    }

    Answer public answer;

    function setAnswer(Answer answer_) external {
        answer = answer_;
    }

    function isValidSignature(bytes32, bytes calldata) external view returns (bytes32 word) {
        word = bytes32(IERC1271.isValidSignature.selector);
        if (answer == Answer.Reverts) revert();
        if (answer == Answer.ReturnsTrue) return bytes32(uint256(1));
        if (answer == Answer.YesWithRubbish) return word | bytes32(uint256(1));
        uint256 size = 32;
        if (answer == Answer.ReturnsTooMuch) size = 200_000;
        if (answer == Answer.ReturnsFourBytes) size = 4;
        if (answer == Answer.ReturnsNothing) size = 0;
        bool burns = answer == Answer.BurnsAllGas;
        assembly ("memory-safe") {
            for {} burns {} {}
            let start := mload(0x40)
            mstore(start, word)
            return(start, size)
        }
    }
}
