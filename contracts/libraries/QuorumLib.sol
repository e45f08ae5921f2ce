// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IEscrow} from "../interfaces/IEscrow.sol";
import {IOracleCommittee} from "../interfaces/IOracleCommittee.sol";
import {SignatureLib} from "./SignatureLib.sol";

/// @title QuorumLib
/// @notice Whether enough members of the committee signed. The committee's contract keeps one hash; its members come with
/// the call, which is cheaper than reading them.
library QuorumLib {
    /// @notice `keccak256(abi.encode(epoch, threshold, members))`.
    function hashCommittee(uint256 epoch, uint256 threshold, address[] memory members) internal pure returns (bytes32) {
        return keccak256(abi.encode(epoch, threshold, members));
    }

    /// @notice Reverts with {IOracleCommittee-WrongCommittee} unless `quorum` is the committee behind `expected`.
    function requireCommittee(bytes32 expected, IEscrow.Quorum calldata quorum) internal pure {
        bytes32 given = hashCommittee(quorum.epoch, quorum.threshold, quorum.members);
        if (given != expected) revert IOracleCommittee.WrongCommittee(expected, given);
    }

    /// @notice Reverts unless the members in `quorum.signers`, at least the threshold of them, signed `digest`.
    /// @param signatures EIP-2098, two words each, by ascending index of the member.
    function requireQuorum(
        bytes32 expected,
        bytes32 digest,
        IEscrow.Quorum calldata quorum,
        bytes32[] calldata signatures
    ) internal pure {
        requireCommittee(expected, quorum);
        address[] calldata members = quorum.members;
        uint256 signers = quorum.signers;
        uint256 given = signatures.length / 2;
        uint256 found = 0;
        unchecked {
            for (uint256 i = 0; i < members.length; ++i) {
                if ((signers >> i) & 1 == 0) continue;
                if (found == given) revert IOracleCommittee.TooFewSignatures(found, quorum.threshold);
                if (!SignatureLib.isSignedBy(members[i], digest, signatures[2 * found], signatures[2 * found + 1])) {
                    revert IOracleCommittee.NotSigned(members[i]);
                }
                ++found;
            }
        }
        if (found < quorum.threshold) revert IOracleCommittee.TooFewSignatures(found, quorum.threshold);
        if (signers >> members.length != 0) revert IOracleCommittee.UnknownSigners(signers);
    }
}
