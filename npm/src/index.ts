/**
 * ABIs, addresses, typed data and numbers of ComputeHive's contracts: data only, nothing to install besides.
 * Reading leases out of events and packing calls: `@computehive/contracts/leases` and `/channels`, which need viem.
 */
export * from './generated/abis.js'
export * from './generated/deployments.js'
export * from './generated/messages.js'
export * from './generated/numbers.js'
export * from './addressBook.js'
export * from './domains.js'
