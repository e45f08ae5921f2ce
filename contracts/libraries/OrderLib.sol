// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IEscrow} from "../interfaces/IEscrow.sol";

/// @title OrderLib
/// @notice Packed orders: their EIP-712 struct hashes and what an ask charges for a bid. Where the bits lie is said at
/// {IEscrow-SignedAsk} and {IEscrow-SignedBid}; `marketplace/protocol` declares the same and a test holds both equal.
library OrderLib {
    bytes32 internal constant ASK_TYPEHASH = keccak256(
        "Ask(address provider,address market,address agent,bytes32 profileDigest,uint48 gpuHourRate,uint48 vcpuHourRate,uint48 gbHourRate,uint48 gfuelRate,uint48 egressGbRate,uint64 minimumCharge,uint16 units,uint40 validUntil,uint32 salt)"
    );
    bytes32 internal constant BID_TYPEHASH = keccak256(
        "Bid(address renter,address market,bytes32 jobDigest,uint16 gpus,uint16 vcpus,uint32 memoryMb,uint32 durationSeconds,uint64 fuel,uint32 egressMb,uint64 maxPrice,uint8 replicas,uint8 verification,uint8 settlement,uint40 deadline,uint40 validUntil,uint48 salt)"
    );
    uint256 private constant HOUR = 3600;
    uint256 private constant MB_PER_GB = 1000;
    uint256 private constant MB_HOUR = HOUR * MB_PER_GB;
    uint256 private constant FUEL_PER_GFUEL = 1e9;

    /// @notice Words of a bid's EIP-712 encoding, its type hash and market set: one buffer serves a whole batch.
    function newPreimage(address market) internal pure returns (uint256[17] memory preimage) {
        preimage[0] = uint256(BID_TYPEHASH);
        preimage[2] = uint160(market);
    }

    /// @notice EIP-712 struct hash of a bid. Overwrites `preimage`.
    /// @dev The words come as values: read through the struct they would be loaded anew at every use.
    function hashBid(
        uint256[17] memory preimage,
        address renter,
        bytes32 jobDigest,
        uint256 resources,
        uint256 terms
    ) internal pure returns (bytes32 bidHash) {
        preimage[1] = uint160(renter);
        preimage[3] = uint256(jobDigest);
        preimage[4] = uint16(resources >> 32);
        preimage[5] = uint16(resources >> 48);
        preimage[6] = uint32(resources >> 64);
        preimage[7] = uint32(resources >> 96);
        preimage[8] = uint64(resources >> 128);
        preimage[9] = uint32(resources >> 192);
        preimage[10] = uint64(terms);
        preimage[11] = uint8(resources >> 224);
        preimage[12] = uint8(resources >> 232);
        preimage[13] = uint8(resources >> 240);
        preimage[14] = uint40(terms >> 128);
        preimage[15] = uint40(terms >> 168);
        preimage[16] = uint48(terms >> 208);
        // Plain `abi.encode` copies the 17 words for every bid of a batch.
        assembly ("memory-safe") {
            bidHash := keccak256(preimage, 544)
        }
    }

    /// @notice EIP-712 struct hash of an ask.
    function hashAsk(IEscrow.SignedAsk calldata ask, address market) internal pure returns (bytes32) {
        uint256 offer = ask.offer;
        uint256 rates = ask.rates;
        return keccak256(
            abi.encode(
                ASK_TYPEHASH,
                address(uint160(offer)),
                market,
                address(uint160(ask.agentAndMinimum)),
                ask.profileDigest,
                uint48(rates),
                uint48(rates >> 48),
                uint48(rates >> 96),
                uint48(rates >> 144),
                uint48(rates >> 192),
                uint64(ask.agentAndMinimum >> 160),
                uint16(rates >> 240),
                uint40(offer >> 160),
                uint32(offer >> 200)
            )
        );
    }

    /// @notice What rates charge for resources, micro-USDC. Every line rounds up to a whole micro-USDC, so that a bill
    /// adds up line by line; `marketplace/protocol/metering.py` computes the same and a test holds both equal.
    /// @dev Cannot overflow: every product is below 2^64 * 2^48 or 2^16 * 2^48 * 2^32.
    function quote(uint256 rates, uint256 minimum, uint256 resources) internal pure returns (uint256 total) {
        unchecked {
            // Rounding up is written out: as a function it would be called five times a lease.
            uint256 time = uint32(resources >> 96);
            total = (uint256(uint16(resources >> 32)) * uint48(rates) * time + HOUR - 1) / HOUR
                + (uint256(uint16(resources >> 48)) * uint48(rates >> 48) * time + HOUR - 1) / HOUR
                + (uint256(uint32(resources >> 64)) * uint48(rates >> 96) * time + MB_HOUR - 1) / MB_HOUR
                + (uint256(uint64(resources >> 128)) * uint48(rates >> 144) + FUEL_PER_GFUEL - 1) / FUEL_PER_GFUEL
                + (uint256(uint32(resources >> 192)) * uint48(rates >> 192) + MB_PER_GB - 1) / MB_PER_GB;
        }
        return total < minimum ? minimum : total;
    }
}
