import { useQuery, useQueryClient, type UseQueryResult } from '@tanstack/react-query'
import { useEffect } from 'react'
import type { Address } from 'viem'

import { useSession } from '../app/context'
import type { operations } from '../generated/api'
import { answerOf } from './api'

export type Answer<name extends keyof operations> = operations[name] extends {
  responses: { 200: { content: { 'application/json': infer body } } }
}
  ? body
  : never

export type Config = Answer<'show_config'>
export type Cluster = Answer<'show_cluster'>
export type Round = Answer<'list_rounds'>['rounds'][number]
export type Offer = Answer<'list_nodes'>['nodes'][number]
export type JobRow = Answer<'list_jobs'>['jobs'][number]
export type Account = Answer<'show_account'>

/** How often what the stream does not tell of is asked again, in milliseconds. */
const OFTEN = 5_000

export function useConfig(): UseQueryResult<Config> {
  const { market, marketUrl } = useSession()
  return useQuery({
    queryKey: ['config', marketUrl],
    queryFn: () => answerOf(market.GET('/api/v1/config')),
    staleTime: 60_000,
  })
}

export function useCluster(): UseQueryResult<Cluster> {
  const { market } = useSession()
  return useQuery({ queryKey: ['cluster'], queryFn: () => answerOf(market.GET('/api/v1/cluster/status')) })
}

export function useRounds(limit = 50): UseQueryResult<Round[]> {
  const { market } = useSession()
  const queryFn = async () => (await answerOf(market.GET('/api/v1/rounds', { params: { query: { limit } } }))).rounds
  return useQuery({ queryKey: ['rounds', limit], queryFn })
}

export function useOffers(): UseQueryResult<Offer[]> {
  const { market } = useSession()
  const queryFn = async () => (await answerOf(market.GET('/api/v1/cluster/nodes'))).nodes
  return useQuery({ queryKey: ['offers'], queryFn, refetchInterval: OFTEN })
}

export function useJobs(renter: Address | null): UseQueryResult<JobRow[]> {
  const { market } = useSession()
  const query = renter ? { renter, limit: 20 } : { limit: 20 }
  const queryFn = async () => (await answerOf(market.GET('/api/v1/jobs', { params: { query } }))).jobs
  return useQuery({ queryKey: ['jobs', renter], queryFn, enabled: renter !== null, refetchInterval: OFTEN })
}

export function useAccount(address: Address | null): UseQueryResult<Account> {
  const { market } = useSession()
  const path = { address: address ?? '' }
  const queryFn = () => answerOf(market.GET('/api/v1/accounts/{address}', { params: { path } }))
  return useQuery({ queryKey: ['account', address], queryFn, enabled: address !== null, refetchInterval: OFTEN })
}

/** Have the market's own news (rounds, status) replace what was asked for. Browsers connect again by themselves. */
export function useLiveMarket(): void {
  const { marketUrl } = useSession()
  const client = useQueryClient()
  useEffect(() => {
    const source = new EventSource(`${marketUrl}/api/v1/market/events`)
    source.addEventListener('status', (event) => {
      client.setQueryData(['cluster'], JSON.parse((event as MessageEvent<string>).data) as Cluster)
    })
    source.addEventListener('round', () => {
      void client.invalidateQueries({ queryKey: ['rounds'] })
      void client.invalidateQueries({ queryKey: ['jobs'] })
      void client.invalidateQueries({ queryKey: ['leases'] })
    })
    return () => source.close()
  }, [client, marketUrl])
}
