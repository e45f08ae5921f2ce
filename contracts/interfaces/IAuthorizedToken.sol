// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";

/// @title IAuthorizedToken
/// @notice What USDC (FiatToken v2.2) offers beyond ERC-20: EIP-2612 permits and EIP-3009 transfers by authorization.
interface IAuthorizedToken is IERC20, IERC20Permit {
    /// @notice EIP-3009: moves `value` as `from` signed it; only `to` may call, so that nobody can front-run a contract.
    /// @param validAfter The authorization is good only after this second.
    /// @param validBefore The authorization is good only before this second.
    /// @param nonce Chosen by the signer; good once.
    /// @param signature Of `from`: 65 bytes of a key, or whatever an ERC-1271 account takes.
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
