// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";

/// @title QuoteLib
/// @notice What an ask charges for a bid's resources. Every line rounds up to a whole micro-USDC, so that a bill adds
/// up line by line; `marketplace/protocol/metering.py` computes the same and a test holds both equal.
library QuoteLib {
    uint256 internal constant HOUR = 3600;
    uint256 internal constant MB_PER_GB = 1000;
    uint256 internal constant FUEL_PER_GFUEL = 1e9;

    /// @dev Cannot overflow: every product is below 2^16 * 2^64 * 2^32 or 2^64 * 2^64.
    function quote(IEscrow.Ask calldata ask, IEscrow.Bid calldata bid) internal pure returns (uint256) {
        uint256 time = bid.durationSeconds;
        uint256 total = Math.ceilDiv(uint256(bid.gpus) * ask.gpuHourRate * time, HOUR)
            + Math.ceilDiv(uint256(bid.vcpus) * ask.vcpuHourRate * time, HOUR)
            + Math.ceilDiv(uint256(bid.memoryMb) * ask.gbHourRate * time, HOUR * MB_PER_GB)
            + Math.ceilDiv(uint256(bid.fuel) * ask.gfuelRate, FUEL_PER_GFUEL)
            + Math.ceilDiv(uint256(bid.egressMb) * ask.egressGbRate, MB_PER_GB);
        return Math.max(total, ask.minimumCharge);
    }
}
