// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice Hostile: in the middle of a transfer it calls back, once, whatever it was armed with.
/// @dev `lastError` keeps the revert data of the attempt, so that a test can see why it failed.
contract TokenReentering is ERC20("Reenter", "REE") {
    address private _target;
    bytes private _call;
    bytes public lastError;
    bool public attempted;

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function arm(address target, bytes calldata call_) external {
        _target = target;
        _call = call_;
        attempted = false;
        delete lastError;
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (_target == address(0)) return;
        address target = _target;
        _target = address(0);
        attempted = true;
        (bool succeeded, bytes memory result) = target.call(_call);
        if (!succeeded) lastError = result;
    }
}
