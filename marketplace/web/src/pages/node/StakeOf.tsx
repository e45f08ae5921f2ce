import { useMemo, type ReactNode } from 'react'
import type { Address } from 'viem'

import { useSession } from '../../app/context'
import { usePinned } from '../../app/pinned'
import { keptBook, toldBook } from '../../chain/books'
import { useNode } from '../../chain/node'
import { useConfig } from '../../market/queries'
import { Section } from '../../ui/Section'
import { Loaded } from '../../ui/states'
import { hindranceOf, useFound } from '../exit/checks'
import { Stake } from '../exit/Money'

/** A provider's stake by the contracts' own word. */
export function StakeOf({ account }: { account: Address }): ReactNode {
  const { marketUrl } = useSession()
  const { data } = useConfig()
  const pinned = usePinned()
  const isTrusted = pinned !== null && pinned.kind !== 'changed'
  const book = useMemo(() => keptBook(marketUrl)?.book ?? (data && isTrusted ? toldBook(data) : null), [data, isTrusted, marketUrl])
  const node = useNode()
  if (!book || !node) return <Away>{book ? 'No node of the chain is known: Settings take the address of one.' : 'This browser has kept no addresses of this market’s contracts.'}</Away>
  return <OnChain account={account} node={node} book={book} />
}

type OnChainProps = Parameters<typeof Stake>[0]

function OnChain({ account, node, book }: Omit<OnChainProps, 'now'>): ReactNode {
  const found = useFound(node, book)
  const hindrance = found.data ? hindranceOf(found.data, book) : null
  if (hindrance) return <Away>{hindrance}</Away>
  if (found.data) return <Stake node={node} book={book} account={account} now={found.data.time} />
  return (
    <Section title="Stake">
      <Loaded query={found} what="what the chain says of your stake">{() => null}</Loaded>
    </Section>
  )
}

function Away({ children }: { children: ReactNode }): ReactNode {
  return (
    <Section title="Stake">
      <p className="empty">{children}</p>
    </Section>
  )
}
