// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IEscrow} from "./interfaces/IEscrow.sol";
import {IEscrowAccounts} from "./interfaces/IEscrowAccounts.sol";
import {IProviderStake} from "./interfaces/IProviderStake.sol";
import {IReputation} from "./interfaces/IReputation.sol";

/// @title Reputation
/// @notice A view of the counters that providers' accounts carry. See {IReputation}.
contract Reputation is IReputation {
    IEscrowAccounts public immutable escrow;
    IProviderStake public immutable stake;

    constructor(IEscrowAccounts escrow_, IProviderStake stake_) {
        escrow = escrow_;
        stake = stake_;
    }

    /// @inheritdoc IReputation
    function recordOf(address provider) external view returns (Record memory) {
        IEscrow.ProviderAccount memory account = escrow.providerAccount(provider);
        return Record({
            settled: account.settled,
            failed: account.failed,
            expired: account.expired,
            slashed: account.frauds,
            volume: account.earned,
            since: stake.bond(provider).since
        });
    }
}
