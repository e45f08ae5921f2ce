// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title SignatureLib
/// @notice Whether an account signed: an EOA with an EIP-2098 compact signature, or an ERC-1271 account with whatever it
/// takes for one.
library SignatureLib {
    /// @notice The most gas that an account's `isValidSignature` may use: one account must not be able to spend a
    /// whole batch's gas.
    uint256 internal constant ERC1271_GAS = 200_000;
    /// @dev Half of secp256k1's order: with a greater s a second signature of the same message exists (EIP-2).
    uint256 internal constant HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

    /// @notice Whether `signer`'s key made the EIP-2098 signature (r, vs) over `digest`. High s is refused (EIP-2).
    function isSignedBy(address signer, bytes32 digest, bytes32 r, bytes32 vs) internal pure returns (bool) {
        unchecked {
            uint256 s = uint256(vs) & (1 << 255) - 1;
            if (s > HALF_ORDER) return false;
            address recovered = ecrecover(digest, uint8((uint256(vs) >> 255) + 27), r, bytes32(s));
            return recovered == signer && recovered != address(0);
        }
    }

    /// @notice Whether `signer` signed `digest`: first as a key (64 or 65 bytes), then as an ERC-1271 account.
    function isSignedBy(address signer, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        if (_isSignedByKey(signer, digest, signature)) return true;
        return signer.code.length != 0 && isValidERC1271(signer, digest, signature);
    }

    /// @notice Asks an ERC-1271 account. Only 32 bytes of its answer are looked at, so that a long one costs nothing.
    function isValidERC1271(address signer, bytes32 digest, bytes memory signature) internal view returns (bool valid) {
        bytes memory question = abi.encodeCall(IERC1271.isValidSignature, (digest, signature));
        bytes32 expected = bytes32(IERC1271.isValidSignature.selector);
        assembly ("memory-safe") {
            let success := staticcall(ERC1271_GAS, signer, add(question, 0x20), mload(question), 0x00, 0x20)
            valid := and(and(success, gt(returndatasize(), 0x1f)), eq(mload(0x00), expected))
        }
    }

    function _isSignedByKey(address signer, bytes32 digest, bytes calldata signature) private pure returns (bool) {
        if (signature.length == 64) {
            return isSignedBy(signer, digest, bytes32(signature[:32]), bytes32(signature[32:]));
        }
        (address recovered, ECDSA.RecoverError problem,) = ECDSA.tryRecover(digest, signature);
        return problem == ECDSA.RecoverError.NoError && recovered == signer;
    }
}
