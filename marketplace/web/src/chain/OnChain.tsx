import type { AddressBook } from '@computehive/contracts'
import type { ReactNode } from 'react'
import type { PublicClient } from 'viem'

import { useConfig } from '../market/queries'
import { Loaded } from '../ui/states'
import { hindranceOf, useFound } from './checks'
import { useNode } from './node'
import { useBook } from './useBook'

/** A market's contracts, and a node to ask for them. */
export interface Reached {
  readonly book: AddressBook
  readonly node: PublicClient
}

/** What needs the contracts, or what is missing for them. */
export function OnChain({ children }: { children: (reached: Reached) => ReactNode }): ReactNode {
  const config = useConfig()
  const book = useBook()
  const node = useNode()
  if (book && node) return children({ book, node })
  if (config.isPending) return <p role="status">Asking the market where its contracts are…</p>
  return (
    <p className="empty">
      {book ? 'No node of the chain is known: Settings take the address of one.' : 'This browser knows no addresses of this market’s contracts: it is away, or is not what it was.'}
    </p>
  )
}

/** What moves money or rights: shown once the node's answers agree with the address book. `now` is the chain's time, Unix seconds. */
export function Checked({ what, children }: { what: string; children: (reached: Reached & { now: number }) => ReactNode }): ReactNode {
  return <OnChain>{(reached) => <Agreeing reached={reached} what={what} children={children} />}</OnChain>
}

function Agreeing({ reached, what, children }: { reached: Reached; what: string; children: (reached: Reached & { now: number }) => ReactNode }): ReactNode {
  const found = useFound(reached.node, reached.book)
  const hindrance = found.data ? hindranceOf(found.data, reached.book) : null
  if (hindrance) return <p className="empty">{hindrance}</p>
  return (
    <Loaded query={found} what={what}>
      {({ time }) => children({ ...reached, now: time })}
    </Loaded>
  )
}
