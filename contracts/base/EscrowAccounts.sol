// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {IEscrow} from "../interfaces/IEscrow.sol";
import {IEscrowAccounts} from "../interfaces/IEscrowAccounts.sol";
import {ProviderLib, RenterLib, StoredWord} from "../libraries/AccountLib.sol";
import {MessageLib} from "../libraries/MessageLib.sol";
import {SignatureLib} from "../libraries/SignatureLib.sol";
import {Deposits} from "./Deposits.sol";

/// @notice Accounts: money out, cover, agents, cancelled orders. See {IEscrowAccounts}.
abstract contract EscrowAccounts is IEscrow, IEscrowAccounts, Deposits, EIP712, Ownable2Step {
    using SafeERC20 for IERC20;
    using RenterLib for uint256;
    using ProviderLib for uint256;

    /// @notice Holds the bonds behind the providers' cover.
    address public immutable stake;

    mapping(address renter => StoredWord) internal _renters;
    mapping(address provider => StoredWord) internal _providers;
    mapping(address provider => uint256) private _withdrawn;
    /// @inheritdoc IEscrowAccounts
    mapping(address provider => mapping(address agent => bool)) public isAgent;

    constructor(IERC20 token_, address stake_, address owner_) Deposits(token_) EIP712("ComputeHive", "1") Ownable(owner_) {
        if (stake_ == address(0)) revert ZeroAddress();
        stake = stake_;
    }

    // -------------------------------------------------------------------------------------------- money in, out

    /// @inheritdoc IEscrowAccounts
    function withdraw(uint256 amount) external nonReentrant {
        if (amount == 0) revert ZeroAmount();
        StoredWord storage renter = _renters[msg.sender];
        uint256 fromFree = amount < renter.word.free() ? amount : renter.word.free();
        uint256 fromEarned = amount - fromFree;
        uint256 earned = _earnedBy(msg.sender);
        if (fromEarned > earned) revert InsufficientBalance(msg.sender, fromFree + earned, amount);
        renter.word -= fromFree;
        _withdrawn[msg.sender] += fromEarned;
        emit Withdrawn(msg.sender, fromFree, fromEarned);
        token.safeTransfer(msg.sender, amount);
    }

    // ---------------------------------------------------------------------------------------------------- cover

    /// @inheritdoc IEscrowAccounts
    function addCover(address provider, uint256 amount) external {
        if (msg.sender != stake) revert NotProviderStake(msg.sender);
        StoredWord storage account = _providers[provider];
        uint256 cover = account.word.cover() + amount;
        if (cover > ProviderLib.MAX_COVER) revert AmountTooLarge(cover, ProviderLib.MAX_COVER);
        account.word = account.word.withCover(cover);
        emit CoverChanged(provider, cover);
    }

    /// @inheritdoc IEscrowAccounts
    function removeCover(address provider, uint256 amount) external {
        if (msg.sender != stake) revert NotProviderStake(msg.sender);
        StoredWord storage account = _providers[provider];
        uint256 available = account.word.cover() - account.word.covered();
        if (amount > available) revert InsufficientCover(provider, available, amount);
        uint256 cover = account.word.cover() - amount;
        account.word = account.word.withCover(cover);
        emit CoverChanged(provider, cover);
    }

    // --------------------------------------------------------------------------------------- agents, cancelling

    /// @inheritdoc IEscrowAccounts
    function setAgent(address agent, bool allowed) external {
        if (agent == address(0)) revert ZeroAddress();
        isAgent[msg.sender][agent] = allowed;
        emit AgentSet(msg.sender, agent, allowed);
    }

    /// @inheritdoc IEscrowAccounts
    function cancel(CancelKind kind, uint48 salt) external {
        _cancel(msg.sender, kind, salt);
    }

    /// @inheritdoc IEscrowAccounts
    function cancelFor(Cancel calldata message, bytes calldata signature) external {
        _requireSigned(message.signer, MessageLib.hashCancel(message), signature);
        _cancel(message.signer, message.kind, message.salt);
    }

    // ---------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IEscrowAccounts
    function free(address account) external view returns (uint256) {
        return _renters[account].word.free() + _earnedBy(account);
    }

    /// @inheritdoc IEscrowAccounts
    function renterAccount(address renter) external view returns (RenterAccount memory) {
        return _renters[renter].word.unpack();
    }

    /// @inheritdoc IEscrowAccounts
    function providerAccount(address provider) external view returns (ProviderAccount memory) {
        return _providers[provider].word.unpack(_withdrawn[provider]);
    }

    /// @inheritdoc IEscrowAccounts
    function isVoid(address renter, uint48 salt) external view returns (bool) {
        return _renters[renter].word.isUsed(salt);
    }

    // ------------------------------------------------------------------------------------------------ internals

    function _requireSigned(address signer, bytes32 structHash, bytes calldata signature) internal view {
        if (!SignatureLib.isSignedBy(signer, _hashTypedDataV4(structHash), signature)) revert InvalidSignature(signer);
    }

    function _addDeposit(address account, address payer, uint256 amount) internal override {
        _renters[account].word += amount;
        emit Deposited(account, payer, amount);
    }

    function _earnedBy(address provider) private view returns (uint256) {
        return _providers[provider].word.earned() - _withdrawn[provider];
    }

    function _cancel(address signer, CancelKind kind, uint48 salt) private {
        StoredWord storage renter = _renters[signer];
        if (kind == CancelKind.Bid) {
            if (!renter.word.isUsed(salt)) renter.word = renter.word.use(salt);
        } else if (kind == CancelKind.BidsBefore) {
            renter.word = renter.word.voidBefore(salt);
        } else {
            StoredWord storage provider = _providers[signer];
            if (salt > type(uint32).max) revert AmountTooLarge(salt, type(uint32).max);
            if (salt > provider.word.askSalt()) provider.word = provider.word.withAskSalt(salt);
        }
        emit OrdersCancelled(signer, kind, salt);
    }
}
