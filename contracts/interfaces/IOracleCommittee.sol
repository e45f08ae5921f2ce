// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title IOracleCommittee
/// @notice Who may sign verdicts, and how many of them must.
interface IOracleCommittee {
    error TooFewSignatures(uint256 given, uint256 threshold);
    error MalformedSignature(uint256 index);
    error NotMember(address signer);
    /// @notice Signers must ascend: none can count twice.
    error SignersNotAscending(address previous, address signer);
    error InvalidThreshold(uint256 threshold, uint256 members);
    error MembersNotAscending(address previous, address member);

    event CommitteeChanged(uint256 indexed epoch, address[] members, uint8 threshold);

    /// @notice Reverts unless at least `threshold` distinct members signed `digest`, every signature being a member's.
    /// @param signatures 65 bytes each, ordered by ascending signer.
    function requireQuorum(bytes32 digest, bytes[] calldata signatures) external view;

    /// @notice Replaces the committee. Only the owner (a timelock).
    /// @dev Emits {CommitteeChanged}. Requirements: members ascend, none is zero; 0 < threshold <= members.
    function setCommittee(address[] calldata members, uint8 threshold) external;

    /// @notice The members, ascending.
    function members() external view returns (address[] memory);

    /// @notice How many signatures a batch needs.
    function threshold() external view returns (uint8);

    /// @notice How often the committee was set.
    function epoch() external view returns (uint256);

    /// @notice Whether an account is a member now.
    function isMember(address account) external view returns (bool);
}
