import type { AddressBook } from '@computehive/contracts'
import { useMemo } from 'react'

import { useSession } from '../app/context'
import { usePinned } from '../app/pinned'
import { useConfig } from '../market/queries'
import { keptBook, toldBook } from './books'

/** The contracts of this market: as they were published or kept, else as it tells them, if it is what it was. */
export function useBook(): AddressBook | null {
  const { marketUrl } = useSession()
  const { data } = useConfig()
  const pinned = usePinned()
  const isTrusted = pinned !== null && pinned.kind !== 'changed'
  return useMemo(() => keptBook(marketUrl)?.book ?? (data && isTrusted ? toldBook(data) : null), [data, isTrusted, marketUrl])
}
