import { useQuery, type UseQueryResult } from '@tanstack/react-query'
import type { PublicClient } from 'viem'

import { useSession } from '../../app/context'
import { useNode } from '../../chain/node'
import { answerOf, type Market } from '../../market/api'
import type { Answer, Round } from '../../market/queries'
import { hashOrder } from '../../replay/hashes'
import type { BidView } from './bids'
import { SECONDS_PER_HOUR, sumUp, type Earnings } from './earnings'

export type Lease = Answer<'list_leases'>['leases'][number]

export const DAYS = 30
const SECONDS = DAYS * 24 * SECONDS_PER_HOUR
const PAGE = 200
/** Pages of leases that are looked through for a sum, at most. */
const MOST_PAGES = 10
const OFTEN = 10_000
/** After a lease's deadline everything about it is over by then, claims and disputes too. Seconds. */
const LONGEST_END = 30 * 24 * SECONDS_PER_HOUR

export interface Income extends Earnings {
  /** Whether there were more leases than are looked through. */
  readonly isCut: boolean
}

/** What a node earned in the last days. */
export function useIncome(agent: string, gpus: number): UseQueryResult<Income> {
  const { market } = useSession()
  const node = useNode()
  const queryFn = async () => read(market, node, agent, gpus)
  return useQuery({ queryKey: ['leases', 'income', agent, gpus, node?.transport['url']], queryFn, refetchInterval: 6 * OFTEN })
}

async function read(market: Market, node: PublicClient | null, agent: string, gpus: number): Promise<Income> {
  const now = node ? Number((await node.getBlock()).timestamp) : Math.floor(Date.now() / 1000)
  const from = now - SECONDS
  const { leases, isCut } = await leasesSince(market, agent, from)
  const ended = leases.filter(({ closedAt }) => closedAt !== null && closedAt >= from)
  const opened = await openingOf(node, ended)
  const counted = ended.map(({ paid, closedAt, outcome }) => ({ paid: BigInt(paid ?? 0), closedAt: closedAt!, outcome: outcome ?? 'none' }))
  return { ...sumUp(counted, { now, from, opened: opened ?? now, gpus }), isCut }
}

/** When the first of them was opened, by a node of the chain. Null where none is within reach, or nothing is there. */
async function openingOf(node: PublicClient | null, leases: readonly Lease[]): Promise<number | null> {
  if (!node || leases.length === 0) return null
  const first = Math.min(...leases.map(({ openedBlock }) => openedBlock))
  return Number((await node.getBlock({ blockNumber: BigInt(first) })).timestamp)
}

async function leasesSince(market: Market, agent: string, from: number): Promise<{ leases: Lease[]; isCut: boolean }> {
  const leases: Lease[] = []
  let cursor: string | null = null
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const query: { agent: string; limit: number; cursor?: string } = { agent, limit: PAGE, ...(cursor ? { cursor } : {}) }
    const found = await answerOf(market.GET('/api/v1/leases', { params: { query } }))
    leases.push(...found.leases)
    cursor = typeof found.nextCursor === 'string' ? found.nextCursor : null
    const last = found.leases.at(-1)
    if (!cursor || !last || last.deadline < from - LONGEST_END) return { leases, isCut: false }
  }
  return { leases, isCut: true }
}

/** The newest leases of a node. */
export function useNodeLeases(agent: string): UseQueryResult<Lease[]> {
  const { market } = useSession()
  const queryFn = async () => (await answerOf(market.GET('/api/v1/leases', { params: { query: { agent, limit: 20 } } }))).leases
  return useQuery({ queryKey: ['leases', 'node', agent], queryFn, refetchInterval: OFTEN })
}

/** Every bid of a round as this node saw it; null where it took no part. The market recomputes it: asked for when it is wanted. */
export function useBidsAt(agent: string, round: Pick<Round, 'number' | 'digest'> | null): UseQueryResult<readonly BidView[] | null> {
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
