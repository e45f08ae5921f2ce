// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IModuleRegistry} from "../interfaces/IModuleRegistry.sol";

/// @title ModuleNameLib
/// @notice Names of modules: which are well formed, how they fit into 32 bytes, what they look like. The same as
/// `marketplace/protocol/module_uri.py`.
library ModuleNameLib {
    uint256 internal constant MIN_LENGTH = 3;
    uint256 internal constant MAX_LENGTH = 32;

    /// @notice The name's bytes, left-aligned, zero-padded. Reverts for a name that is not well formed.
    function pack(string calldata name) internal pure returns (bytes32 nameId) {
        bytes calldata text = bytes(name);
        if (text.length < MIN_LENGTH || text.length > MAX_LENGTH) revert IModuleRegistry.NameLength(text.length);
        bool afterHyphen = true; // no name begins with one
        for (uint256 i = 0; i < text.length; ++i) {
            bytes1 character = text[i];
            if (character == "-") {
                if (afterHyphen || i == text.length - 1) revert IModuleRegistry.NameCharacter(i, character);
                afterHyphen = true;
            } else {
                bool allowed = (character >= "a" && character <= "z") || (character >= "0" && character <= "9");
                if (!allowed) revert IModuleRegistry.NameCharacter(i, character);
                afterHyphen = false;
            }
        }
        nameId = bytes32(text); // pads with zeros
    }

    /// @notice The name that {pack} took.
    function unpack(bytes32 nameId) internal pure returns (string memory) {
        uint256 length = 0;
        while (length < MAX_LENGTH && nameId[length] != 0) ++length;
        bytes memory text = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            text[i] = nameId[i];
        }
        return string(text);
    }

    /// @notice What a packed name looks like: each character as its prototype, hyphens left out.
    function skeleton(bytes32 nameId) internal pure returns (bytes memory looks) {
        looks = new bytes(2 * MAX_LENGTH);
        uint256 length = 0;
        for (uint256 i = 0; i < MAX_LENGTH && nameId[i] != 0; ++i) {
            bytes1 character = nameId[i];
            if (character == "-") continue;
            if (character == "m") {
                looks[length++] = "r";
                character = "n";
            } else if (character == "w") {
                looks[length++] = "v";
                character = "v";
            }
            looks[length++] = _prototype(character);
        }
        assembly ("memory-safe") {
            mstore(looks, length)
        }
    }

    function _prototype(bytes1 character) private pure returns (bytes1) {
        if (character == "0") return "o";
        if (character == "1" || character == "i") return "l";
        if (character == "2") return "z";
        if (character == "5") return "s";
        if (character == "8") return "b";
        return character;
    }
}
