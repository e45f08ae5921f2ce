import type { ReactNode } from 'react'
import type { Address } from 'viem'

import { Checked } from '../../chain/OnChain'
import { Section } from '../../ui/Section'
import { Stake } from '../exit/Money'
import { AddStake } from './AddStake'

/** A provider's stake by the contracts' own word, and more of it. */
export function StakeOf({ account }: { account: Address }): ReactNode {
  return (
    <Section title="Stake">
      <Checked what="what the chain says of your stake">
        {(reached) => (
          <>
            <Stake {...reached} account={account} />
            <AddStake {...reached} account={account} />
          </>
        )}
      </Checked>
    </Section>
  )
}
