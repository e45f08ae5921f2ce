// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title IERC3009
/// @notice The part of EIP-3009 that deposits use, with the signature as bytes (FiatToken v2.2), so that ERC-1271
/// accounts can sign, too.
interface IERC3009 {
    /// @notice Moves `value` of `from` to the caller, who must be `to`.
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external;
}
