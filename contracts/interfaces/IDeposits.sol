// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title IDeposits
/// @notice The four ways for USDC into an account of the escrow, or of the prepaid balances.
interface IDeposits {
    /// @notice Moves USDC of the caller, who has approved it, into the caller's balance.
    /// @dev Emits {IEscrow-Deposited} or {IPrepaid-PrepaidDeposited}. Requirements: amount > 0; with what is held already it
    /// fits 63 bits ({IEscrow-AmountTooLarge}); exactly `amount` arrives.
    function deposit(uint256 amount) external;

    /// @notice The same into another account's balance.
    /// @dev Emits the same. Requirements: amount > 0; `account` is not zero; then as `deposit`.
    function depositFor(address account, uint256 amount) external;

    /// @notice The same with an EIP-2612 permit instead of an approval. A permit that someone else has submitted already
    /// does no harm: the allowance counts.
    /// @dev Emits the same. Requirements: as `deposit`.
    function depositWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Takes an EIP-3009 `ReceiveWithAuthorization` of `from`, who needs no gas, into `account`'s balance.
    /// Its nonce must be `keccak256(abi.encode(account, salt))`: whoever submits it cannot redirect the money.
    /// @dev Emits the same. Requirements: as `depositFor`; the token accepts the authorization.
    function depositWithAuthorization(
        address from,
        address account,
        uint256 amount,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 salt,
        bytes calldata signature
    ) external;
}
