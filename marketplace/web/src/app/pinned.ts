import { useMemo } from 'react'

import { comparePin, type Pin, type Pinned } from '../chain/pins'
import { useConfig, type Config } from '../market/queries'
import { useSession } from './context'

/** What signatures for a market are bound to. */
export function pinOf(config: Config): Pin {
  return { chainId: config.chainId, escrow: config.domain.verifyingContract, market: config.market }
}

/** What the market says it is, held against what was published and what it said before; null until it has said so. */
export function usePinned(): Pinned | null {
  const { marketUrl } = useSession()
  const { data } = useConfig()
  return useMemo(() => (data ? comparePin(marketUrl, pinOf(data)) : null), [data, marketUrl])
}
