import { useInfiniteQuery, useQueries, useQuery, type InfiniteData, type UseInfiniteQueryResult, type UseQueryResult } from '@tanstack/react-query'
import type { Address } from 'viem'

import { useSession } from '../app/context'
import { readRound } from '../replay/hashes'
import type { ReadRound, Transcript } from '../replay/transcript'
import { answerOf, type Market } from './api'
import { ratesOf, type ClassRate } from './history'
import type { Answer, Round } from './queries'

type RoundsPage = Answer<'list_rounds'>
export type OneRound = Answer<'show_round'>
export type Explanation = Answer<'explain_job'>
export type Lease = Answer<'list_leases'>['leases'][number]

const PAGE = 50
/** Orders whose transcripts are fetched for a picture, at most: they are about 2 KB each. */
export const MOST_ORDERS = 2_000
/** Rounds that a history goes back, at most. */
const MOST_ROUNDS = 24
const OFTEN = 5_000

/** Rounds, newest first, page by page. */
export function useRoundPages(): UseInfiniteQueryResult<InfiniteData<RoundsPage>> {
  const { market } = useSession()
  return useInfiniteQuery({
    queryKey: ['rounds', 'pages'],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam }) => {
      const query = pageParam === null ? { limit: PAGE } : { limit: PAGE, cursor: pageParam }
      return answerOf(market.GET('/api/v1/rounds', { params: { query } }))
    },
    getNextPageParam: (last) => last.nextCursor as string | null,
  })
}

/** One round, with what became of its matches. */
export function useRound(number: number): UseQueryResult<OneRound> {
  const { market } = useSession()
  const queryFn = () => answerOf(market.GET('/api/v1/rounds/{number}', { params: { path: { number } } }))
  return useQuery({ queryKey: ['round', number], queryFn, refetchInterval: OFTEN })
}

async function fetchTranscript(market: Market, number: number): Promise<ReadRound> {
  const found = await answerOf(market.GET('/api/v1/rounds/{number}/transcript', { params: { path: { number } } }))
  return readRound(found as unknown as Transcript)
}

/** All that went into a round and came out; null asks for none. It never changes. */
export function useTranscript(round: Pick<Round, 'number' | 'digest'> | null): UseQueryResult<ReadRound> {
  const { market } = useSession()
  return useQuery({
    queryKey: ['transcript', round?.digest],
    queryFn: () => fetchTranscript(market, round!.number),
    enabled: round !== null,
    staleTime: Infinity,
  })
}

/** Why a bid was served or not, in the market's words. Recomputed there: asked for only when somebody wants to know. */
export function useExplanation(bidHash: string): UseQueryResult<Explanation> {
  const { market } = useSession()
  const queryFn = () => answerOf(market.GET('/api/v1/jobs/{job_id}/explain', { params: { path: { job_id: bidHash } } }))
  return useQuery({ queryKey: ['explanation', bidHash], queryFn, staleTime: 60_000 })
}

/** Newest leases in which somebody is the renter, or the provider. */
export function useLeases(side: 'renter' | 'provider', address: Address | null): UseQueryResult<Lease[]> {
  const { market } = useSession()
  const query = { [side]: address ?? '', limit: 20 }
  const queryFn = async () => (await answerOf(market.GET('/api/v1/leases', { params: { query } }))).leases
  return useQuery({ queryKey: ['leases', side, address], queryFn, enabled: address !== null, refetchInterval: OFTEN })
}

/** What leases of a round cost, by class. */
export interface RoundRates {
  readonly number: number
  readonly clearedAt: number
  readonly rates: readonly ClassRate[]
}

/** The rounds whose transcripts a history is made of: newest with matches first, as many as `MOST_ORDERS` allows. */
export function chooseRounds(rounds: readonly Round[]): Round[] {
  let left = MOST_ORDERS
  const chosen: Round[] = []
  for (const round of rounds) {
    if (round.matched === 0) continue
    left -= round.bids + round.asks
    if (left < 0 || chosen.length === MOST_ROUNDS) break
    chosen.push(round)
  }
  return chosen
}

/** Prices of past rounds, oldest first, as far as they are there. */
export function useHistory(rounds: readonly Round[]): FromRounds<RoundRates> {
  return useFromRounds('rates', rounds, (read, { number, clearedAt }) => ({ number, clearedAt, rates: ratesOf(read) }))
}

interface FromRounds<T> {
  readonly found: T[]
  readonly isLoading: boolean
  readonly error: Error | null
}

/** What `of` finds in each of the transcripts that `chooseRounds` allows, oldest first, under `name`. They are read once and dropped. */
export function useFromRounds<T>(name: string, rounds: readonly Round[], of: (read: ReadRound, round: Round) => T): FromRounds<T> {
  const { market } = useSession()
  const chosen = chooseRounds(rounds).sort((one, other) => one.number - other.number)
  return useQueries({
    queries: chosen.map((round) => ({
      queryKey: [name, round.digest],
      queryFn: async () => of(await fetchTranscript(market, round.number), round),
      staleTime: Infinity,
    })),
    combine: (results) => ({
      found: results.flatMap(({ data }) => (data === undefined ? [] : [data])),
      isLoading: results.some(({ isPending }) => isPending),
      error: results.find(({ error }) => error)?.error ?? null,
    }),
  })
}
