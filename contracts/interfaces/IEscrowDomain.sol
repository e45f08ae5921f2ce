// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title IEscrowDomain
/// @notice What other contracts of ComputeHive need of the escrow: its EIP-712 domain and its treasury.
interface IEscrowDomain {
    /// @notice The 32 bytes that are signed for an EIP-712 struct hash.
    function digestOf(bytes32 structHash) external view returns (bytes32);

    /// @notice Where fees go.
    function treasury() external view returns (address);
}
