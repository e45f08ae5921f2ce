// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// @title Timelock
/// @notice Owns Escrow and OracleCommittee: whatever governance changes is announced on chain first.
/// @dev OpenZeppelin's TimelockController, with a floor that even the timelock itself cannot lower. Anyone may execute
/// an announced call once its delay is over; there is no admin.
contract Timelock is TimelockController {
    /// @notice The delay is never shorter, seconds.
    uint256 public immutable floor;

    constructor(uint256 delay, address[] memory proposers)
        TimelockController(delay, proposers, new address[](1), address(0))
    {
        floor = delay;
    }

    /// @inheritdoc TimelockController
    function getMinDelay() public view override returns (uint256) {
        uint256 delay = super.getMinDelay();
        return delay < floor ? floor : delay;
    }
}
