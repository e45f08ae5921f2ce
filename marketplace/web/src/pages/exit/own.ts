import { escrowAbi, providerStakeAbi, type AddressBook } from '@computehive/contracts'
import { useQuery, type UseQueryResult } from '@tanstack/react-query'
import type { Address, PublicClient } from 'viem'

/** One's money as the chain has it, micro-USDC. */
export interface Own {
  readonly free: bigint
  readonly stake: bigint
  /** Of the stake, needed by open leases. */
  readonly locked: bigint
  readonly unbonding: bigint
  /** Unix seconds. */
  readonly withdrawableAt: number
}

const OFTEN = 10_000

export function useOwn(node: PublicClient, book: AddressBook, account: Address): UseQueryResult<Own> {
  return useQuery({ queryKey: ['exit-own', account, book, node.transport['url']], queryFn: () => readOwn(node, book, account), refetchInterval: OFTEN })
}

export async function readOwn(node: PublicClient, { contracts }: AddressBook, account: Address): Promise<Own> {
  const [free, bond] = await Promise.all([
    node.readContract({ address: contracts.Escrow, abi: escrowAbi, functionName: 'free', args: [account] }),
    node.readContract({ address: contracts.ProviderStake, abi: providerStakeAbi, functionName: 'bond', args: [account] }),
  ])
  return { free, stake: bond.active, locked: bond.locked, unbonding: bond.unbonding, withdrawableAt: bond.withdrawableAt }
}
