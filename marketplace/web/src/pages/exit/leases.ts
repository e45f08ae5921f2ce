import { escrowAbi } from '@computehive/contracts'
import { isOpen, readGroup, type Lease, type LeaseGroup } from '@computehive/contracts/leases'
import type { Address, PublicClient } from 'viem'

import { spansOf } from '../../chain/spans'

/** A lease of one's own that is open on the chain. */
export interface OpenLease {
  readonly lease: Lease
  readonly group: LeaseGroup
}

/** The leases of `account`, as renter or provider, that are open now; `tell` hears which share of the chain was read. */
export async function findOpenLeases(
  node: PublicClient,
  escrow: Address,
  account: Address,
  first: bigint,
  tell: (share: number) => void,
): Promise<OpenLease[]> {
  const spans = spansOf(first, await node.getBlockNumber({ cacheTime: 0 }))
  const found: OpenLease[] = []
  for (const [at, [fromBlock, toBlock]] of spans.entries()) {
    const logs = await node.getContractEvents({ address: escrow, abi: escrowAbi, eventName: 'LeasesOpened', fromBlock, toBlock, strict: true })
    for (const { args } of logs.reverse()) found.push(...(await openOf(node, escrow, readGroup(args), account)))
    tell((at + 1) / spans.length)
  }
  return found
}

/** Whether a lease that was found open is so still. */
export async function isStillOpen(node: PublicClient, escrow: Address, { lease, group }: OpenLease): Promise<boolean> {
  return isOpen(group, lease.place, await node.readContract({ address: escrow, abi: escrowAbi, functionName: 'groupWord', args: [group.market, group.group] }))
}

async function openOf(node: PublicClient, escrow: Address, group: LeaseGroup, account: Address): Promise<OpenLease[]> {
  const own = group.leases.filter(({ renter, provider }) => [renter, provider].some((one) => one.toLowerCase() === account.toLowerCase()))
  if (own.length === 0) return []
  const word = await node.readContract({ address: escrow, abi: escrowAbi, functionName: 'groupWord', args: [group.market, group.group] })
  return own.filter(({ place }) => isOpen(group, place, word)).map((lease) => ({ lease, group }))
}
