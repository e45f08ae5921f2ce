// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {Escrow} from "../../contracts/Escrow.sol";
import {IOracleCommittee} from "../../contracts/interfaces/IOracleCommittee.sol";
import {QuorumLib} from "../../contracts/libraries/QuorumLib.sol";

/// @notice The escrow as it is, with accounts and groups that can be set to any words.
contract EscrowUnderProof is Escrow {
    constructor(address stake_, IOracleCommittee committee_)
        Escrow(IERC20(address(0x70)), stake_, committee_, address(0x71), address(0x72), 1 hours, 1 days)
    {}

    function setRenter(address renter, uint256 word) external {
        _renters[renter].word = word;
    }

    function setProvider(address provider, uint256 word) external {
        _providers[provider].word = word;
    }

    function setGroup(address market, uint256 group, uint256 word) external {
        _groups[market][group].word = word;
    }

    function renterWord(address renter) external view returns (uint256) {
        return _renters[renter].word;
    }

    function providerWord(address provider) external view returns (uint256) {
        return _providers[provider].word;
    }

    function commitmentOf(bytes32 bidsDigest, uint256[] calldata terms) external pure returns (bytes32) {
        return _commitment(bidsDigest, keccak256(abi.encodePacked(terms)));
    }

    function leaseIdOf(bytes32 commitment, uint256 index) external pure returns (bytes32) {
        return _leaseId(commitment, index);
    }
}

/// @notice Stands for `ProviderStake`: notes what fraud cost, which is what the real one would send.
contract PenaltiesNoted {
    uint256 public total;

    function slash(uint256 amount) external {
        total += amount;
    }
}

/// @notice Stands for `OracleCommittee`: one member, whose signature is enough.
contract OneOracle {
    address public immutable member;

    constructor(address member_) {
        member = member_;
    }

    function quorumHash() public view returns (bytes32) {
        address[] memory members = new address[](1);
        members[0] = member;
        return QuorumLib.hashCommittee(1, 1, members);
    }
}
