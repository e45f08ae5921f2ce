import { escrowAbi } from '@computehive/contracts'
import { useQuery } from '@tanstack/react-query'
import { useId, useState, type ReactNode } from 'react'
import { isAddress, zeroAddress, type Address } from 'viem'

import { useWallet } from '../../app/context'
import { Act } from '../../chain/Act'
import { isAgent, readAgents } from '../../chain/agents'
import { Checked, type Reached } from '../../chain/OnChain'
import { DataTable } from '../../ui/DataTable'
import { Section } from '../../ui/Section'
import { Loaded } from '../../ui/states'
import { Hash } from '../../ui/values'

/** Keys on machines that may sign for whoever is connected: allowed and taken back by the escrow. */
export function Agents(): ReactNode {
  const { account } = useWallet()
  return (
    <Section title="Agents">
      <p>An agent is a key on a machine of yours. It signs asks at any rates, and claims, in your name until you take that back. It cannot move your money.</p>
      {account ? (
        <Checked what="what the chain says of your agents">{(reached) => <Of key={account} {...reached} account={account} />}</Checked>
      ) : (
        <p className="empty">Connect a wallet, or watch an account, to see its agents.</p>
      )}
    </Section>
  )
}

interface Props extends Reached {
  account: Address
}

function Of(props: Props): ReactNode {
  const { node, book, account } = props
  const agents = useQuery({ queryKey: ['agents', account, book, node.transport['url']], queryFn: () => readAgents(node, book, account), retry: false })
  return (
    <>
      <Loaded query={agents} what="your agents" empty={{ is: (all) => all.length === 0, say: 'No other key may sign for this account.' }}>
        {(all) => (
          <DataTable
            caption="Agents of this account"
            rows={all.map((agent) => ({ agent }))}
            keyOf={({ agent }) => agent}
            columns={[
              { name: 'Agent', of: ({ agent }) => <Hash value={agent} label="agent's address" /> },
              { name: 'Take back', of: ({ agent }) => <Allow {...props} agent={agent} isAllowed={false} /> },
            ]}
          />
        )}
      </Loaded>
      <Add {...props} known={agents.data ?? []} />
    </>
  )
}

function Add({ known, ...props }: Props & { known: readonly Address[] }): ReactNode {
  const id = useId()
  const [text, setText] = useState('')
  const typed = text.trim()
  const wrong = typed === '' ? null : wrongOf(typed, known)
  return (
    <div className="fields">
      <div>
        <label htmlFor={id}>Address of another agent</label>
        <input id={id} value={text} onChange={(event) => setText(event.target.value)} placeholder="0x…" spellCheck={false} autoComplete="off" aria-invalid={wrong !== null} aria-describedby={`${id}-note`} />
        <p id={`${id}-note`} className="note">
          Of the key that the daemon on that machine signs with.
        </p>
      </div>
      {wrong ? <p role="alert">{wrong}</p> : null}
      {typed === '' || wrong ? null : <Allow key={typed} {...props} agent={typed as Address} isAllowed done={() => setText('')} />}
    </div>
  )
}

function wrongOf(text: string, known: readonly Address[]): string | null {
  if (!isAddress(text) || text === zeroAddress) return 'An address is 0x and 40 hex digits, with its capitals as they were given.'
  return known.some((one) => one.toLowerCase() === text.toLowerCase()) ? 'It may sign for you already.' : null
}

function Allow({ node, book, account, agent, isAllowed, done }: Props & { agent: Address; isAllowed: boolean; done?: () => void }): ReactNode {
  const escrow = book.contracts.Escrow
  return (
    <Act
      node={node}
      chainId={book.chainId}
      name={isAllowed ? 'Let it sign for me' : 'Let it sign no longer'}
      isOpen
      call={{ address: escrow, abi: escrowAbi, functionName: 'setAgent', args: [agent, isAllowed] }}
      effect={async () => (await isAgent(node, escrow, account, agent)) === isAllowed}
      {...(done ? { done } : {})}
    />
  )
}
