import type { ReactNode } from 'react'
import type { Address } from 'viem'

import { useNode } from '../../chain/node'
import { useBook } from '../../chain/useBook'
import { Section } from '../../ui/Section'
import { Loaded } from '../../ui/states'
import { hindranceOf, useFound } from '../exit/checks'
import { Stake } from '../exit/Money'

/** A provider's stake by the contracts' own word. */
export function StakeOf({ account }: { account: Address }): ReactNode {
  const book = useBook()
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
