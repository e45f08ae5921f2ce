// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice For tests that compare everything after every step: many views in one call.
contract ManyReads {
    /// @notice The answers of `targets[i]` to `calls[i]`.
    function read(address[] calldata targets, bytes[] calldata calls) external view returns (bytes[] memory answers) {
        answers = new bytes[](calls.length);
        for (uint256 i = 0; i < calls.length; ++i) {
            (bool succeeded, bytes memory answer) = targets[i].staticcall(calls[i]);
            require(succeeded);
            answers[i] = answer;
        }
    }
}
