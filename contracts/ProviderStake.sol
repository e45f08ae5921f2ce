// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IProviderStake} from "./interfaces/IProviderStake.sol";

/// @title ProviderStake
/// @notice Providers' bonds. See {IProviderStake}.
contract ProviderStake is IProviderStake, ReentrancyGuard {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

    IERC20 public immutable token;
    /// @notice The only contract that may lock, release and slash.
    address public immutable escrow;
    /// @notice Seconds between `unbond` and `withdraw`.
    uint64 public immutable unbondingDelay;

    mapping(address provider => Bond) private _bonds;

    modifier onlyEscrow() {
        if (msg.sender != escrow) revert NotEscrow(msg.sender);
        _;
    }

    constructor(IERC20 token_, address escrow_, uint64 unbondingDelay_) {
        token = token_;
        escrow = escrow_;
        unbondingDelay = unbondingDelay_;
    }

    /// @inheritdoc IProviderStake
    function stake(uint256 amount) external nonReentrant {
        if (amount == 0) revert StakeZeroAmount();
        _bonds[msg.sender].active += amount.toUint128();
        emit Staked(msg.sender, amount);
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != amount) revert StakeTransferMismatch(amount, received);
    }

    /// @inheritdoc IProviderStake
    function unbond(uint256 amount) external nonReentrant {
        if (amount == 0) revert StakeZeroAmount();
        Bond storage own = _bonds[msg.sender];
        _requireAvailable(msg.sender, own, amount);
        own.active -= amount.toUint128();
        own.unbonding += amount.toUint128();
        own.withdrawableAt = uint64(block.timestamp) + unbondingDelay;
        emit Unbonding(msg.sender, amount, own.withdrawableAt);
    }

    /// @inheritdoc IProviderStake
    function withdraw() external nonReentrant {
        Bond storage own = _bonds[msg.sender];
        uint256 amount = own.unbonding;
        if (amount == 0) revert NothingUnbonding(msg.sender);
        if (block.timestamp < own.withdrawableAt) revert StillUnbonding(own.withdrawableAt, block.timestamp);
        own.unbonding = 0;
        emit StakeWithdrawn(msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IProviderStake
    function lock(address provider, uint256 amount) external onlyEscrow {
        Bond storage own = _bonds[provider];
        _requireAvailable(provider, own, amount);
        own.locked += amount.toUint128();
        emit StakeLocked(provider, amount);
    }

    /// @inheritdoc IProviderStake
    function release(address provider, uint256 amount) external onlyEscrow {
        _bonds[provider].locked -= amount.toUint128();
        emit StakeReleased(provider, amount);
    }

    /// @inheritdoc IProviderStake
    function slash(address provider, uint256 amount, bytes32 leaseId) external onlyEscrow {
        Bond storage own = _bonds[provider];
        own.locked -= amount.toUint128();
        own.active -= amount.toUint128();
        emit Slashed(provider, amount, leaseId);
        token.safeTransfer(escrow, amount);
    }

    /// @inheritdoc IProviderStake
    function bond(address provider) external view returns (Bond memory) {
        return _bonds[provider];
    }

    function _requireAvailable(address provider, Bond storage own, uint256 amount) private view {
        uint256 available = own.active - own.locked;
        if (amount > available) revert InsufficientStake(provider, available, amount);
    }
}
