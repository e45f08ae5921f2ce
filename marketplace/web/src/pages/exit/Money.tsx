import { escrowAbi, providerStakeAbi, type AddressBook } from '@computehive/contracts'
import type { ReactNode } from 'react'
import type { Address, PublicClient } from 'viem'

import { Act } from '../../chain/Act'
import { Section } from '../../ui/Section'
import { Loaded } from '../../ui/states'
import { Figure, Instant, Usdc } from '../../ui/values'
import { readOwn, useOwn, type Own } from './own'

interface Props {
  node: PublicClient
  book: AddressBook
  account: Address
  /** The chain's time, Unix seconds. */
  now: number
}

/** What can be taken out of the escrow now. */
export function Deposits({ node, book, account }: Omit<Props, 'now'>): ReactNode {
  const own = useOwn(node, book, account)
  return (
    <Section title="Deposits and earnings">
      <Loaded query={own} what="what the escrow holds of yours">
        {({ free }) => (
          <>
            <p>
              Free in the escrow: <Usdc micro={free} />
            </p>
            <Act
              node={node}
              chainId={book.chainId}
              name="Withdraw all of it"
              isOpen={free > 0n}
              call={{ address: book.contracts.Escrow, abi: escrowAbi, functionName: 'withdraw', args: [free] }}
              effect={async () => (await readOwn(node, book, account)).free < free}
            />
          </>
        )}
      </Loaded>
    </Section>
  )
}

/** What of the stake can be taken out now, and what has to wait until when. */
export function Stake({ node, book, account, now }: Props): ReactNode {
  const own = useOwn(node, book, account)
  const read = () => readOwn(node, book, account)
  const common = { node, chainId: book.chainId }
  const stake = { address: book.contracts.ProviderStake, abi: providerStakeAbi }
  return (
    <Loaded query={own} what="your stake" empty={{ is: (found) => found.stake + found.unbonding === 0n, say: 'This account has staked nothing.' }}>
      {(found) => (
        <>
          <Staked own={found} />
          <Act
            {...common}
            name="Start to take out what no lease needs"
            isOpen={found.stake > found.locked}
            call={{ ...stake, functionName: 'unbond', args: [found.stake - found.locked] }}
            effect={async () => (await read()).stake < found.stake}
          />
          <Act
            {...common}
            name="Take out what is unbonded"
            isOpen={found.unbonding > 0n && found.withdrawableAt <= now}
            call={{ ...stake, functionName: 'withdraw', args: [] }}
            effect={async () => (await read()).unbonding < found.unbonding}
          />
        </>
      )}
    </Loaded>
  )
}

function Staked({ own }: { own: Own }): ReactNode {
  return (
    <dl className="figures">
      <Figure label="Staked">
        <Usdc micro={own.stake} />
      </Figure>
      <Figure label="Needed by open leases">
        <Usdc micro={own.locked} />
      </Figure>
      <Figure label="On its way out" more={own.unbonding > 0n ? <>from <Instant at={own.withdrawableAt} /> on</> : null}>
        <Usdc micro={own.unbonding} />
      </Figure>
    </dl>
  )
}
