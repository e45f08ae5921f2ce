import { useQuery, type UseQueryResult } from '@tanstack/react-query'
import type { PublicClient } from 'viem'

import { useSession } from '../../app/context'
import { useNode } from '../../chain/node'
import { answerOf, type Market } from '../../market/api'
import { useConfig, type Answer, type Round } from '../../market/queries'
import { MOST_ORDERS } from '../../market/rounds'
import { hashOrder } from '../../replay/hashes'
import type { BidView } from './bids'
import { SECONDS_PER_HOUR, type Ended } from './earnings'

export type Lease = Answer<'list_leases'>['leases'][number]

export const DAYS = 30
const SECONDS = DAYS * 24 * SECONDS_PER_HOUR
const PAGE = 200
/** Pages of leases that are looked through for a sum, at most. */
const MOST_PAGES = 10
const OFTEN = 10_000

/** What a node's leases brought, and whether there were more than are looked through. */
export interface Income {
  readonly ended: readonly Ended[]
  /** Unix seconds, by the chain where a node of it is within reach. */
  readonly now: number
  readonly from: number
  /** When the first of them was opened; null where no node of the chain said so. */
  readonly opened: number | null
  readonly isCut: boolean
}

/** What a node earned in the last days. */
export function useIncome(agent: string): UseQueryResult<Income> {
  const { market } = useSession()
  const node = useNode()
  const chainId = useConfig().data?.chainId
  const queryFn = () => read(market, chainId === undefined ? null : node, chainId, agent)
  return useQuery({ queryKey: ['income', agent, chainId, node?.transport['url']], queryFn, refetchInterval: 6 * OFTEN })
}

async function read(market: Market, node: PublicClient | null, chainId: number | undefined, agent: string): Promise<Income> {
  const head = await headOf(node, chainId)
  const now = head ?? Math.floor(Date.now() / 1000)
  const from = now - SECONDS
  const { leases, isCut } = await newestLeases(market, agent)
  const closed = leases.filter(({ closedAt }) => closedAt !== null && closedAt >= from)
  const ended = closed.map(({ paid, closedAt, outcome }) => ({ paid: BigInt(paid ?? 0), closedAt: closedAt!, outcome: outcome ?? 'none' }))
  return { ended, now: Math.max(now, ...ended.map(({ closedAt }) => closedAt)), from, opened: head === null ? null : await openingOf(node!, closed), isCut }
}

/** The chain's time; null where no node answers, or one of another chain. */
async function headOf(node: PublicClient | null, chainId: number | undefined): Promise<number | null> {
  if (!node) return null
  const asked = Promise.all([node.getChainId(), node.getBlock()])
  return asked.then(([id, block]) => (id === chainId ? Number(block.timestamp) : null)).catch(() => null)
}

/** When the first of them was opened; null where nothing is there, or the node does not know. */
async function openingOf(node: PublicClient, leases: readonly Lease[]): Promise<number | null> {
  if (leases.length === 0) return null
  const first = Math.min(...leases.map(({ openedBlock }) => openedBlock))
  const asked = node.getBlock({ blockNumber: BigInt(first) })
  return asked.then(({ timestamp }) => Number(timestamp)).catch(() => null)
}

async function newestLeases(market: Market, agent: string): Promise<{ leases: Lease[]; isCut: boolean }> {
  const leases: Lease[] = []
  let cursor: string | null = null
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const query: { agent: string; limit: number; cursor?: string } = { agent, limit: PAGE, ...(cursor ? { cursor } : {}) }
    const found = await answerOf(market.GET('/api/v1/leases', { params: { query } }))
    leases.push(...found.leases)
    cursor = typeof found.nextCursor === 'string' ? found.nextCursor : null
    if (!cursor) return { leases, isCut: false }
  }
  return { leases, isCut: true }
}

/** The newest leases of a node. */
export function useNodeLeases(agent: string): UseQueryResult<Lease[]> {
  const { market } = useSession()
  const queryFn = async () => (await answerOf(market.GET('/api/v1/leases', { params: { query: { agent, limit: 20 } } }))).leases
  return useQuery({ queryKey: ['leases', 'node', agent], queryFn, refetchInterval: OFTEN })
}

/** Whether a round is too large for its transcript to be fetched for a table. */
export function isLarge({ bids, asks }: Round): boolean {
  return bids + asks > MOST_ORDERS
}

/** Every bid of a round as this node saw it; null where it took no part. The market recomputes it: `round` is null until it is wanted. */
export function useBidsAt(agent: string, round: Round | null): UseQueryResult<readonly BidView[] | null> {
  const { market } = useSession()
  return useQuery({ queryKey: ['bids-at', agent, round?.digest], queryFn: () => bidsAt(market, agent, round!.number), enabled: round !== null, staleTime: Infinity })
}

async function bidsAt(market: Market, agent: string, number: number): Promise<readonly BidView[] | null> {
  const { asks } = await answerOf(market.GET('/api/v1/rounds/{number}/transcript', { params: { path: { number } } }))
  const own = asks.find(({ ask }) => ask.agent.toLowerCase() === agent.toLowerCase())
  if (!own) return null
  const hash = hashOrder('Ask', own.ask)
  return (await answerOf(market.GET('/api/v1/rounds/{number}/asks/{ask_hash}/explain', { params: { path: { number, ask_hash: hash } } }))).bids as unknown as BidView[]
}
