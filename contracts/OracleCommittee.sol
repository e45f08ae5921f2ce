// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";

/// @title OracleCommittee
/// @notice Who may sign verdicts, and how many must. See {IOracleCommittee}.
contract OracleCommittee is IOracleCommittee, Ownable2Step {
    /// @inheritdoc IOracleCommittee
    uint8 public threshold;
    /// @inheritdoc IOracleCommittee
    uint256 public epoch;
    address[] private _members;
    mapping(address account => uint256 epoch) private _memberSince;

    constructor(address[] memory members_, uint8 threshold_, address owner_) Ownable(owner_) {
        _set(members_, threshold_);
    }

    /// @inheritdoc IOracleCommittee
    function requireQuorum(bytes32 digest, bytes[] calldata signatures) external view {
        if (signatures.length < threshold) revert TooFewSignatures(signatures.length, threshold);
        address previous = address(0);
        for (uint256 i = 0; i < signatures.length; ++i) {
            (address signer, ECDSA.RecoverError problem,) = ECDSA.tryRecover(digest, signatures[i]);
            if (problem != ECDSA.RecoverError.NoError) revert MalformedSignature(i);
            if (!isMember(signer)) revert NotMember(signer);
            if (signer <= previous) revert SignersNotAscending(previous, signer);
            previous = signer;
        }
    }

    /// @inheritdoc IOracleCommittee
    function setCommittee(address[] calldata members_, uint8 threshold_) external onlyOwner {
        _set(members_, threshold_);
    }

    /// @inheritdoc IOracleCommittee
    function members() external view returns (address[] memory) {
        return _members;
    }

    /// @inheritdoc IOracleCommittee
    function isMember(address account) public view returns (bool) {
        return _memberSince[account] == epoch;
    }

    /// @dev Membership carries the epoch it was given in, so that a rotation retires everybody at once.
    function _set(address[] memory members_, uint8 threshold_) private {
        if (threshold_ == 0 || threshold_ > members_.length) revert InvalidThreshold(threshold_, members_.length);
        ++epoch;
        address previous = address(0);
        for (uint256 i = 0; i < members_.length; ++i) {
            if (members_[i] <= previous) revert MembersNotAscending(previous, members_[i]);
            _memberSince[members_[i]] = epoch;
            previous = members_[i];
        }
        _members = members_;
        threshold = threshold_;
        emit CommitteeChanged(epoch, members_, threshold_);
    }
}
