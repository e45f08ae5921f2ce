// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IEscrow} from "./interfaces/IEscrow.sol";
import {IEscrowAccounts} from "./interfaces/IEscrowAccounts.sol";
import {IProviderStake} from "./interfaces/IProviderStake.sol";

/// @title ProviderStake
/// @notice Providers' bonds. See {IProviderStake}.
contract ProviderStake is IProviderStake, ReentrancyGuard {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

    struct Exit {
        uint64 unbonding;
        uint40 withdrawableAt;
        uint40 since;
    }

    IERC20 public immutable token;
    /// @notice Counts the cover, and alone may slash.
    address public immutable escrow;
    /// @notice Seconds between `unbond` and `withdraw`.
    uint40 public immutable unbondingDelay;

    mapping(address provider => Exit) private _exits;

    constructor(IERC20 token_, address escrow_, uint40 unbondingDelay_) {
        token = token_;
        escrow = escrow_;
        unbondingDelay = unbondingDelay_;
    }

    /// @inheritdoc IProviderStake
    function stake(uint256 amount) external nonReentrant {
        if (amount == 0) revert StakeZeroAmount();
        Exit storage own = _exits[msg.sender];
        if (own.since == 0) own.since = uint40(block.timestamp);
        emit Staked(msg.sender, amount);
        IEscrowAccounts(escrow).addCover(msg.sender, amount);
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != amount) revert StakeTransferMismatch(amount, received);
    }

    /// @inheritdoc IProviderStake
    function unbond(uint256 amount) external nonReentrant {
        if (amount == 0) revert StakeZeroAmount();
        IEscrowAccounts(escrow).removeCover(msg.sender, amount); // refuses what was never staked, or is needed
        Exit storage own = _exits[msg.sender];
        own.unbonding += amount.toUint64();
        own.withdrawableAt = uint40(block.timestamp) + unbondingDelay;
        emit Unbonding(msg.sender, amount, own.withdrawableAt);
    }

    /// @inheritdoc IProviderStake
    function withdraw() external nonReentrant {
        Exit storage own = _exits[msg.sender];
        uint256 amount = own.unbonding;
        if (amount == 0) revert NothingUnbonding(msg.sender);
        if (block.timestamp < own.withdrawableAt) revert StillUnbonding(own.withdrawableAt, block.timestamp);
        own.unbonding = 0;
        emit StakeWithdrawn(msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IProviderStake
    function slash(uint256 amount) external {
        if (msg.sender != escrow) revert NotEscrow(msg.sender);
        emit PenaltiesSent(amount);
        token.safeTransfer(escrow, amount);
    }

    /// @inheritdoc IProviderStake
    function bond(address provider) external view returns (Bond memory) {
        IEscrow.ProviderAccount memory account = IEscrowAccounts(escrow).providerAccount(provider);
        Exit storage own = _exits[provider];
        return Bond(account.cover, account.covered, own.unbonding, own.withdrawableAt, own.since);
    }
}
