// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {Escrow} from "../Escrow.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IPrepaid} from "../interfaces/IPrepaid.sol";
import {RenterLib, StoredWord} from "../libraries/AccountLib.sol";
import {EarningLib} from "../libraries/EarningLib.sol";
import {MessageLib} from "../libraries/MessageLib.sol";
import {QuorumLib} from "../libraries/QuorumLib.sol";
import {SignatureLib} from "../libraries/SignatureLib.sol";
import {Deposits} from "./Deposits.sol";
import {Fees} from "./Fees.sol";

/// @notice Accounts: money out, cancelled asks, where fees go. See {IPrepaid}.
abstract contract PrepaidAccounts is IPrepaid, Fees, EIP712, Ownable2Step {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;
    using RenterLib for uint256;
    using EarningLib for uint256;

    struct Exit {
        uint64 amount;
        uint40 leavesAt;
    }

    uint256 internal constant BPS = 10_000;
    uint40 private constant SHORTEST_DELAY = 1 hours;
    uint40 private constant LONGEST_DELAY = 30 days;

    /// @notice Asks, verdicts and cancels are signed for its domain, its treasury gets the fees, its agents sign asks.
    Escrow public immutable escrow;
    /// @inheritdoc IPrepaid
    uint40 public immutable withdrawalDelay;
    uint256 private immutable _chainId;
    bytes32 private immutable _escrowSeparator;

    /// @inheritdoc IPrepaid
    uint16 public feeBps = 500;

    mapping(address renter => StoredWord) internal _renters;
    mapping(address provider => StoredWord) internal _providers;
    mapping(address renter => Exit) private _exits;

    constructor(Escrow escrow_, uint40 withdrawalDelay_, address owner_)
        Deposits(escrow_.token())
        Fees(escrow_.committee())
        EIP712("ComputeHive", "1")
        Ownable(owner_)
    {
        if (withdrawalDelay_ < SHORTEST_DELAY || withdrawalDelay_ > LONGEST_DELAY) {
            revert WithdrawalDelayOutOfRange(withdrawalDelay_, SHORTEST_DELAY, LONGEST_DELAY);
        }
        escrow = escrow_;
        withdrawalDelay = withdrawalDelay_;
        _chainId = block.chainid;
        _escrowSeparator = escrow_.domainSeparator();
        emit IEscrow.FeeChanged(feeBps);
    }

    // ------------------------------------------------------------------------------------------------ money out

    /// @inheritdoc IPrepaid
    function requestWithdrawal(uint64 amount) external {
        uint40 leavesAt = uint40(block.timestamp) + withdrawalDelay;
        _exits[msg.sender] = Exit(amount, leavesAt);
        emit WithdrawalRequested(msg.sender, amount, leavesAt);
    }

    /// @inheritdoc IPrepaid
    function withdraw() external nonReentrant {
        Exit memory exit = _exits[msg.sender];
        StoredWord storage account = _renters[msg.sender];
        uint256 left = account.word.free();
        uint256 amount = exit.amount < left ? exit.amount : left;
        if (amount == 0) revert IEscrow.ZeroAmount();
        if (block.timestamp < exit.leavesAt) revert StillCovering(exit.leavesAt, block.timestamp);
        delete _exits[msg.sender];
        account.word -= amount;
        emit PrepaidWithdrawn(msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IPrepaid
    function withdrawEarned(uint256 amount) external nonReentrant {
        if (amount == 0) revert IEscrow.ZeroAmount();
        StoredWord storage account = _providers[msg.sender];
        uint256 available = account.word.balance();
        if (amount > available) revert IEscrow.InsufficientBalance(msg.sender, available, amount);
        account.word -= amount;
        emit EarningsWithdrawn(msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    // ----------------------------------------------------------------------------------------------- cancelling

    /// @inheritdoc IPrepaid
    function cancelAsks(uint32 salt) external {
        _cancelAsks(msg.sender, salt);
    }

    /// @inheritdoc IPrepaid
    function cancelAsksFor(IEscrow.Cancel calldata message, bytes calldata signature) external {
        if (message.kind != IEscrow.CancelKind.AsksBefore) revert BidsNotCancellable();
        bytes32 digest = MessageHashUtils.toTypedDataHash(_escrowDomain(), MessageLib.hashCancel(message));
        _requireSigned(message.signer, digest, signature);
        _cancelAsks(message.signer, uint256(message.salt).toUint32());
    }

    // ---------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IPrepaid
    function renterAccount(address renter) external view returns (RenterAccount memory) {
        IEscrow.RenterAccount memory account = RenterLib.unpack(_renters[renter].word);
        Exit memory exit = _exits[renter];
        return RenterAccount(account.free, exit.amount, exit.leavesAt, account.saltBase, account.window);
    }

    /// @inheritdoc IPrepaid
    function coverUntil(address renter, uint40 time) external view returns (uint256) {
        uint256 balance = _renters[renter].word.free();
        if (time >= block.timestamp + withdrawalDelay) return 0;
        Exit memory exit = _exits[renter];
        if (time < exit.leavesAt) return balance;
        return balance > exit.amount ? balance - exit.amount : 0;
    }

    /// @inheritdoc IPrepaid
    function providerAccount(address provider) external view returns (ProviderAccount memory) {
        return EarningLib.unpack(_providers[provider].word);
    }

    /// @inheritdoc IPrepaid
    function isVoid(address renter, uint48 salt) external view returns (bool) {
        return _renters[renter].word.isUsed(salt);
    }

    // ------------------------------------------------------------------------------------------------ internals

    /// @dev As it was at deployment unless the chain has split since.
    function _escrowDomain() internal view returns (bytes32) {
        return block.chainid == _chainId ? _escrowSeparator : escrow.domainSeparator();
    }

    function _requireSigned(address signer, bytes32 digest, bytes calldata signature) internal view {
        if (!SignatureLib.isSignedBy(signer, digest, signature)) revert IEscrow.InvalidSignature(signer);
    }

    function _requireQuorum(bytes32 digest, IEscrow.Quorum calldata quorum, bytes32[] calldata signatures)
        internal
        view
    {
        QuorumLib.requireQuorum(committee.quorumHash(), digest, quorum, signatures);
    }

    function _feesTo() internal view override returns (address) {
        return escrow.treasury();
    }

    function _creditMember(address member, uint256 amount) internal override {
        _providers[member].word += amount;
    }

    function _addDeposit(address account, address payer, uint256 amount) internal override {
        _renters[account].word += amount;
        emit PrepaidDeposited(account, payer, amount);
    }

    function _cancelAsks(address provider, uint256 salt) private {
        StoredWord storage account = _providers[provider];
        if (salt > account.word.askSalt()) account.word = account.word.withAskSalt(salt);
        emit AsksCancelled(provider, uint32(salt));
    }
}
