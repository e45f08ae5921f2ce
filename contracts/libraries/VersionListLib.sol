// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IModuleRegistry} from "../interfaces/IModuleRegistry.sol";

/// @title VersionListLib
/// @notice A set of versions, linked in their order, so that its greatest is known at every moment.
/// @dev A version is packed as major, minor, patch in 64 bits each: packed numbers have the order of the versions. Zero
/// is no version and ends the list on both sides.
library VersionListLib {
    struct Link {
        uint192 lower;
        uint192 higher;
    }

    struct List {
        uint192 greatest;
        mapping(uint192 version => Link) links;
    }

    function pack(IModuleRegistry.Version memory version) internal pure returns (uint192) {
        return (uint192(version.major) << 128) | (uint192(version.minor) << 64) | version.patch;
    }

    function unpack(uint192 packed) internal pure returns (IModuleRegistry.Version memory) {
        return IModuleRegistry.Version(uint64(packed >> 128), uint64(packed >> 64), uint64(packed));
    }

    /// @notice Adds a version that is not in the list. Walks down from the greatest.
    function insert(List storage list, uint192 version) internal {
        uint192 higher = 0;
        uint192 lower = list.greatest;
        while (lower > version) {
            higher = lower;
            lower = list.links[lower].lower;
        }
        _join(list, lower, version);
        _join(list, version, higher);
    }

    /// @notice Takes out a version that is in the list. Walks nowhere.
    function remove(List storage list, uint192 version) internal {
        Link memory link = list.links[version];
        delete list.links[version];
        _join(list, link.lower, link.higher);
    }

    /// @dev Makes two versions neighbours; zero stands for the end of that side.
    function _join(List storage list, uint192 lower, uint192 higher) private {
        if (lower != 0) list.links[lower].higher = higher;
        if (higher != 0) list.links[higher].lower = lower;
        else list.greatest = lower;
    }
}
