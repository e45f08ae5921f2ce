// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

/// @notice Hostile: an ERC-1271 account that, asked about a signature, does whatever hurts who asks.
contract SignerMisbehaving is IERC1271 {
    enum Way {
        BurningGas,
        AnsweringWithAFlood,
        RevertingWithAFlood,
        AnsweringShort,
        AnsweringWithMore
    }

    uint256 private constant FLOOD = 200_000;

    Way public immutable way;

    constructor(Way way_) {
        way = way_;
    }

    function isValidSignature(bytes32, bytes calldata) external view returns (bytes4) {
        bytes32 yes = bytes32(IERC1271.isValidSignature.selector);
        Way chosen = way;
        if (chosen == Way.BurningGas) while (true) {}
        bool flood = chosen != Way.AnsweringShort && chosen != Way.AnsweringWithMore;
        bool reverting = chosen == Way.RevertingWithAFlood;
        uint256 size = flood ? FLOOD : (chosen == Way.AnsweringShort ? 4 : 32);
        // More than the four bytes: an answer that is not the one word expected.
        if (chosen == Way.AnsweringWithMore) yes |= bytes32(uint256(1));
        assembly {
            mstore(0, yes)
            if reverting { revert(0, size) }
            return(0, size)
        }
    }
}
