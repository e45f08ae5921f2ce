import { providerStakeAbi, type AddressBook } from '@computehive/contracts'
import { useQuery, type UseQueryResult } from '@tanstack/react-query'
import type { Address, PublicClient } from 'viem'

/** What a node says of itself and of the contracts. */
export interface Found {
  readonly chainId: number
  readonly block: bigint
  /** Of the newest block, Unix seconds. */
  readonly time: number
  /** Names of contracts that have no code there. */
  readonly missing: readonly string[]
  /** Whether the stake's contract names the same escrow as the address book. */
  readonly isOne: boolean
}

const OFTEN = 10_000
/** A newest block that is older than this is told of: such a node does not follow its chain. Seconds. */
export const OLD = 600

/** Why nothing may be sent, or null. */
export function hindranceOf(found: Found, book: AddressBook): string | null {
  if (found.chainId !== book.chainId) return `This node is on chain ${found.chainId}; the contracts are on chain ${book.chainId}. Choose another node in Settings.`
  if (found.missing.length > 0) return `There is no contract at the address of ${found.missing.join(' and ')}. Check the address book.`
  if (!found.isOne) return 'The stake’s contract belongs to another escrow than the address book names. Check the address book.'
  return null
}

export function useFound(node: PublicClient | null, book: AddressBook): UseQueryResult<Found> {
  return useQuery({ queryKey: ['exit', book, node?.transport['url']], queryFn: () => look(node!, book), enabled: node !== null, refetchInterval: OFTEN, retry: false })
}

async function look(node: PublicClient, { contracts }: AddressBook): Promise<Found> {
  const names = ['Escrow', 'ProviderStake'] as const
  const [chainId, { number, timestamp }, ...codes] = await Promise.all([node.getChainId(), node.getBlock(), ...names.map((name) => node.getCode({ address: contracts[name] }))])
  const missing = names.filter((_, at) => !codes[at] || codes[at] === '0x')
  const isOne = missing.length === 0 && (await escrowOf(node, contracts.ProviderStake)) === contracts.Escrow.toLowerCase()
  return { chainId, block: number, time: Number(timestamp), missing, isOne }
}

async function escrowOf(node: PublicClient, stake: Address): Promise<string> {
  const found = await node.readContract({ address: stake, abi: providerStakeAbi, functionName: 'escrow' }).catch(() => '')
  return found.toLowerCase()
}
