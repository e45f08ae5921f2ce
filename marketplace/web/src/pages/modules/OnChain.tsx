import type { ReactNode } from 'react'

import { useNode } from '../../chain/node'
import { useBook } from '../../chain/useBook'
import { useConfig } from '../../market/queries'
import type { Registry } from './queries'

/** What needs the registry, or what is missing for it. */
export function OnChain({ children }: { children: (registry: Registry) => ReactNode }): ReactNode {
  const config = useConfig()
  const book = useBook()
  const node = useNode()
  if (book && node) return children({ book, node })
  if (config.isPending) return <p role="status">Asking the market where the registry is…</p>
  return (
    <p className="empty">
      {book ? 'No node of the chain is known: Settings take the address of one.' : 'This browser knows no address of the registry: the market is away, or is not what it was.'}
    </p>
  )
}
