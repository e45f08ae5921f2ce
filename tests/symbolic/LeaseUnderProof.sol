// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IEscrow} from "../../contracts/interfaces/IEscrow.sol";
import {IOracleCommittee} from "../../contracts/interfaces/IOracleCommittee.sol";
import {ProviderLib, RenterLib} from "../../contracts/libraries/AccountLib.sol";
import {EscrowUnderProof, OneOracle, PenaltiesNoted} from "./EscrowUnderProof.sol";
import {Symbolic} from "./Symbolic.sol";

/// @notice An open lease in any state of its parties' accounts, and what is owed to whom.
abstract contract LeaseUnderProof is Symbolic {
    using ProviderLib for uint256;
    using RenterLib for uint256;

    address internal constant RENTER = address(0xa1);
    address internal constant PROVIDER = address(0xb2);
    address internal constant MARKET = address(0xc3);
    address internal constant ORACLE = address(0xd4);
    address internal constant STRANGER = address(0xe5);
    uint256 internal constant GROUP = 7;
    bytes32 internal constant BIDS = bytes32(uint256(0xb1d5));

    /// @dev What is arbitrary about a lease and its parties.
    struct State {
        uint256 renterWord;
        uint256 providerWord;
        uint56 price;
        uint16 feeBps;
        uint40 deadline;
        uint48 salt;
        bytes32 r;
        bytes32 vs;
    }

    EscrowUnderProof internal escrow;
    PenaltiesNoted internal penalties;
    uint256 internal first;
    uint256 internal second;
    bytes32 internal leaseId;

    function setUp() public {
        penalties = new PenaltiesNoted();
        escrow = new EscrowUnderProof(address(penalties), IOracleCommittee(address(new OneOracle(ORACLE))));
    }

    /// @dev A group of one open lease. The assumptions are invariants of the contract: a lease is counted and covered while
    /// it is open, the fee is capped, and all balances fit what the escrow may hold.
    function _open(State memory s) internal {
        PROVER.assume(s.feeBps <= escrow.MAX_FEE_BPS());
        PROVER.assume(s.providerWord.covered() >= s.price && s.providerWord.cover() >= s.providerWord.covered());
        PROVER.assume(s.providerWord.openLeases() >= 1);
        PROVER.assume(s.renterWord.free() < type(uint64).max / 2);
        first = uint160(RENTER) | uint256(s.deadline) << 160 | uint256(s.salt) << 200;
        second = uint160(PROVIDER) | uint256(s.price) << 160 | uint256(s.feeBps) << 224;
        bytes32 commitment = escrow.commitmentOf(BIDS, _group().terms);
        leaseId = escrow.leaseIdOf(commitment, 0);
        escrow.setRenter(RENTER, s.renterWord);
        escrow.setProvider(PROVIDER, s.providerWord);
        escrow.setGroup(MARKET, GROUP, uint256(commitment) << 32 | 1);
    }

    function _group() internal view returns (IEscrow.GroupTerms memory group) {
        group = IEscrow.GroupTerms(GROUP, 1, BIDS, new uint256[](2));
        (group.terms[0], group.terms[1]) = (first, second);
    }

    function _groups() internal view returns (IEscrow.GroupTerms[] memory groups) {
        groups = new IEscrow.GroupTerms[](1);
        groups[0] = _group();
    }

    function _claimed() internal view returns (IEscrow.ClaimedLease memory) {
        return IEscrow.ClaimedLease(leaseId, first, second);
    }

    function _quorum() internal pure returns (IEscrow.Quorum memory quorum) {
        quorum = IEscrow.Quorum(1, 1, new address[](1), 1);
        quorum.members[0] = ORACLE;
    }

    /// @dev A call that reverts changes nothing; of one that succeeds the laws speak.
    function _try(address sender, bytes memory data) internal returns (bool ok) {
        PROVER.prank(sender);
        (ok,) = address(escrow).call(data);
    }

    /// @dev `FeeLaws` proves this of every amount; the solver is told, because inside of larger laws it takes it hours.
    function _assumeShares(State memory s, uint256 pay) internal pure {
        uint256 fee = pay * s.feeBps / 10_000;
        PROVER.assume(fee <= pay && fee * 2_000 / 10_000 <= fee);
    }

    /// @dev Who has what of the lock: the renter `price - pay` and the penalty, the provider `pay - fee`, treasury and
    /// oracle the fee. That makes `price` (and the penalty). `moved` is a bond that went from renter to provider.
    function _assertSplit(State memory s, uint256 pay, bool byOracles, uint256 moved) internal view {
        uint256 fee = pay * s.feeBps / 10_000;
        uint256 share = byOracles ? fee * 2_000 / 10_000 : 0;
        if (share > type(uint40).max) share = 0; // more than a purse holds is the treasury's
        assert(pay <= s.price);
        assert(escrow.renterWord(RENTER).free() == s.renterWord.free() + (s.price - pay) + penalties.total() - moved);
        uint256 more = escrow.renterWord(PROVIDER).free() - moved;
        assert(escrow.providerWord(PROVIDER).earned() + more == s.providerWord.earned() + (pay - fee));
        assert(escrow.fees(byOracles ? 1 : 0) == fee - share && escrow.oracleCredit(1, 0) == share);
        assert(escrow.fees(byOracles ? 0 : 1) == 0);
    }

    /// @dev The provider is free of the lease, and the lease is gone; nobody's salts moved.
    function _assertGone(State memory s) internal view {
        uint256 after_ = escrow.providerWord(PROVIDER);
        assert(after_.covered() == s.providerWord.covered() - s.price);
        assert(after_.cover() == s.providerWord.cover() - penalties.total());
        assert(after_.openLeases() == s.providerWord.openLeases() - 1);
        assert(after_.askSalt() == s.providerWord.askSalt());
        assert(escrow.renterWord(RENTER) >> 64 == s.renterWord >> 64);
        assert(uint32(escrow.groupWord(MARKET, GROUP)) == 0);
    }
}
