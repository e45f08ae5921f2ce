import { useMemo } from 'react'
import { createPublicClient, http, type PublicClient } from 'viem'

import { useSession } from '../app/context'
import { useConfig } from '../market/queries'
import { keptBook } from './books'

const SECONDS = 20

/** A client of the chain's node at `url`. */
export function openNode(url: string): PublicClient {
  return createPublicClient({ transport: http(url, { timeout: SECONDS * 1000, retryCount: 1 }) })
}

/** The node that the visitor chose, else the one that the market names, or named before it was away; null while there is none. */
export function useNode(): PublicClient | null {
  const { settings, marketUrl } = useSession()
  const config = useConfig()
  const named = config.data ? config.data.rpcUrl : config.error ? keptBook(marketUrl)?.rpcUrl : null
  const url = settings.rpcUrl ?? named
  return useMemo(() => (url ? openNode(url) : null), [url])
}
