// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice What the prover offers to a check: conditions under which it is made, who calls, and when.
interface Prover {
    function assume(bool condition) external pure;
    function prank(address sender) external;
    function warp(uint256 timestamp) external;
}

/// @dev A function `check_…` is a law: its assertions hold for every value of its arguments. A function `reach_…` shows
/// that a law says something: what it asserts must be refuted, by a call that succeeds.
abstract contract Symbolic {
    Prover internal constant PROVER = Prover(address(uint160(uint256(keccak256("hevm cheat code")))));
}
