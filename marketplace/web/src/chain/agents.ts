import { escrowAbi, type AddressBook } from '@computehive/contracts'
import type { Address, PublicClient } from 'viem'

import { spansOf } from './spans'

/** The keys that may sign asks and claims for `provider` now, by the escrow's own word, those allowed last first. */
export async function readAgents(node: PublicClient, { contracts, deployedAtBlock }: AddressBook, provider: Address): Promise<Address[]> {
  const escrow = { address: contracts.Escrow, abi: escrowAbi } as const
  const named = new Set<Address>()
  for (const [fromBlock, toBlock] of spansOf(BigInt(deployedAtBlock), await node.getBlockNumber({ cacheTime: 0 }))) {
    const logs = await node.getContractEvents({ ...escrow, eventName: 'AgentSet', args: { provider }, fromBlock, toBlock, strict: true })
    for (const { args } of logs.reverse()) named.add(args.agent)
  }
  const all = [...named]
  const are = await Promise.all(all.map((agent) => isAgent(node, contracts.Escrow, provider, agent)))
  return all.filter((_, at) => are[at])
}

export async function isAgent(node: PublicClient, escrow: Address, provider: Address, agent: Address): Promise<boolean> {
  return node.readContract({ address: escrow, abi: escrowAbi, functionName: 'isAgent', args: [provider, agent] })
}
