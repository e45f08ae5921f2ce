import { useQuery, type UseQueryResult } from '@tanstack/react-query'

import { readModules, readReleases, type Release } from '../../chain/modules'
import type { Reached } from '../../chain/OnChain'
import type { Round } from '../../market/queries'
import { useFromRounds } from '../../market/rounds'
import { openBook } from '../../replay/book'

const OFTEN = 60_000

export function useModules({ node, book }: Reached): UseQueryResult<Awaited<ReturnType<typeof readModules>>> {
  return useQuery({ queryKey: ['modules', book, node.transport['url']], queryFn: () => readModules(node, book), refetchInterval: OFTEN })
}

export function useReleases({ node, book }: Reached, name: string): UseQueryResult<Awaited<ReturnType<typeof readReleases>>> {
  return useQuery({ queryKey: ['releases', name, book, node.transport['url']], queryFn: () => readReleases(node, book, name), refetchInterval: OFTEN, retry: false })
}

/** A match of a job that runs a module. Micro-USDC. */
export interface Match {
  readonly round: number
  readonly clearedAt: number
  readonly bidHash: string
  readonly askHash: string
  readonly version: string
  readonly price: string
}

/** What jobs of these releases were matched at in past rounds, newest first, as far as they are there; `looked` rounds were. */
export function useMatches(name: string, releases: readonly Release[], rounds: readonly Round[]): { found: Match[]; looked: number; isLoading: boolean; error: Error | null } {
  const versions = new Map(releases.map(({ digest, version }) => [digest as string, version]))
  const key = `module ${name} ${releases.length}`
  const { found, isLoading, error } = useFromRounds(key, rounds, (read, { number, clearedAt }) =>
    openBook(read).served.flatMap(({ bid, match }) => {
      const version = versions.get(bid.jobSpec.program.digest)
      return version === undefined ? [] : [{ round: number, clearedAt, bidHash: match.bidHash, askHash: match.askHash, version, price: match.price }]
    }),
  )
  return { found: found.flat().reverse(), looked: found.length, isLoading, error }
}
