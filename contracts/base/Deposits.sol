// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

import {IDeposits} from "../interfaces/IDeposits.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IERC3009} from "../interfaces/IERC3009.sol";

/// @notice Money in, whichever way the token is moved. See {IDeposits}.
abstract contract Deposits is IDeposits, ReentrancyGuard {
    using SafeERC20 for IERC20;

    /// @dev What a contract can hold: all balances fit their 64 bits, with room for penalties coming in.
    uint256 private constant MAX_HOLDINGS = type(uint64).max / 2;

    IERC20 public immutable token;

    constructor(IERC20 token_) {
        token = token_;
    }

    /// @inheritdoc IDeposits
    function deposit(uint256 amount) external nonReentrant {
        _depositFrom(msg.sender, msg.sender, amount);
    }

    /// @inheritdoc IDeposits
    function depositFor(address account, uint256 amount) external nonReentrant {
        _depositFrom(msg.sender, account, amount);
    }

    /// @inheritdoc IDeposits
    function depositWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external nonReentrant {
        // Anyone who saw the permit may have submitted it: what counts is the allowance.
        try IERC20Permit(address(token)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        _depositFrom(msg.sender, msg.sender, amount);
    }

    /// @inheritdoc IDeposits
    function depositWithAuthorization(
        address from,
        address account,
        uint256 amount,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 salt,
        bytes calldata signature
    ) external nonReentrant {
        uint256 before = _beginDeposit(from, account, amount);
        IERC3009(address(token)).receiveWithAuthorization(
            from, address(this), amount, validAfter, validBefore, keccak256(abi.encode(account, salt)), signature
        );
        _requireReceived(before, amount);
    }

    /// @dev Writes `amount` into the account and tells. The token has not moved yet; if it does not, all reverts.
    function _addDeposit(address account, address payer, uint256 amount) internal virtual;

    function _depositFrom(address payer, address account, uint256 amount) private {
        uint256 before = _beginDeposit(payer, account, amount);
        token.safeTransferFrom(payer, address(this), amount);
        _requireReceived(before, amount);
    }

    function _beginDeposit(address payer, address account, uint256 amount) private returns (uint256 before) {
        if (amount == 0) revert IEscrow.ZeroAmount();
        if (account == address(0)) revert IEscrow.ZeroAddress();
        before = token.balanceOf(address(this));
        if (amount > MAX_HOLDINGS || before + amount > MAX_HOLDINGS) revert IEscrow.AmountTooLarge(amount, MAX_HOLDINGS);
        _addDeposit(account, payer, amount);
    }

    function _requireReceived(uint256 before, uint256 amount) private view {
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != amount) revert IEscrow.TransferMismatch(amount, received);
    }
}
