import { escrowAbi, providerStakeAbi, type AddressBook } from '@computehive/contracts'
import { useQueryClient } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import type { Address, PublicClient } from 'viem'

import { useWallet } from '../../app/context'
import type { Call } from '../../chain/transactions'
import { useTransaction } from '../../chain/useTransaction'
import { Section } from '../../ui/Section'
import { Loaded } from '../../ui/states'
import { TransactionLine } from '../../ui/TransactionState'
import { Figure, Instant, Usdc } from '../../ui/values'
import { readOwn, useOwn, type Own } from './checks'

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
    <Section title="Stake">
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
    </Section>
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

interface ActProps {
  node: PublicClient
  chainId: number
  name: string
  isOpen: boolean
  call: Call
  effect: () => Promise<boolean>
}

/** One transaction behind a button, told to its end. */
export function Act({ node, chainId, name, isOpen, call, effect }: ActProps): ReactNode {
  const { wallet } = useWallet()
  const client = useQueryClient()
  const { state, isBusy, send } = useTransaction()
  const act = async () => {
    if (await send(node, chainId, call, effect)) await client.invalidateQueries()
  }
  return (
    <div className="act">
      {isOpen || isBusy ? (
        <button type="button" disabled={isBusy || !wallet} onClick={() => void act()}>
          {name}
        </button>
      ) : null}
      {isOpen && !wallet ? <p className="note">This account is only watched. Connect its wallet to send.</p> : null}
      <TransactionLine state={state} />
    </div>
  )
}
