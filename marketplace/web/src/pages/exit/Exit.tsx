import { parseAddressBook, type AddressBook } from '@computehive/contracts'
import { useMemo, useState, type FormEvent, type ReactNode } from 'react'

import { useSession, useWallet } from '../../app/context'
import { keptBook } from '../../chain/books'
import { hindranceOf, OLD, useFound, type Found } from '../../chain/checks'
import { openNode } from '../../chain/node'
import { Section } from '../../ui/Section'
import { Loaded } from '../../ui/states'
import { Hash, Instant } from '../../ui/values'
import { Leases } from './Leases'
import { Deposits, Stake } from './Money'
import './exit.css'

/** What one does when no server answers: everything here asks a node of the chain, and nothing else. */
export function ExitPage(): ReactNode {
  const { marketUrl, settings } = useSession()
  const kept = useMemo(() => keptBook(marketUrl), [marketUrl])
  const [pasted, setPasted] = useState<AddressBook | null>(null)
  const book = pasted ?? kept?.book ?? null
  const url = settings.rpcUrl ?? kept?.rpcUrl ?? null
  return (
    <>
      <p>
        Everything on this page asks a node of the chain and the contracts themselves: it works with our servers off. Of the market it needs the addresses that this browser kept,
        or that you paste.
      </p>
      {book ? <OnChain book={book} url={url} /> : <Paste done={setPasted} />}
    </>
  )
}

function OnChain({ book, url }: { book: AddressBook; url: string | null }): ReactNode {
  const { account } = useWallet()
  const node = useMemo(() => (url ? openNode(url) : null), [url])
  const found = useFound(node, book)
  if (!node) return <p role="alert">No node of the chain is known. Settings take the address of one, under “Another node of the chain”.</p>
  const hindrance = found.data ? hindranceOf(found.data, book) : null
  return (
    <>
      <Section title="What answers">
        <Loaded query={found} what={`what the node at ${url} says`} lines={5}>
          {(now) => <Checks found={now} book={book} url={url!} />}
        </Loaded>
        {hindrance ? <p role="alert">{hindrance} Nothing is sent.</p> : null}
      </Section>
      {found.data && !hindrance ? (
        account ? (
          <>
            <Deposits key={`d${account}`} node={node} book={book} account={account} />
            <Section title="Stake">
              <Stake key={`s${account}`} node={node} book={book} account={account} now={found.data.time} />
            </Section>
            <Leases key={`l${account}`} node={node} book={book} account={account} now={found.data.time} />
            <p className="note">
              Claims, disputes, oracles’ bonds and payment channels have no buttons here: the guide “Get what is yours with every server of ours off” has each call, ready to paste.
            </p>
          </>
        ) : (
          <p className="empty">Connect a wallet, or watch an account, to see what is its own.</p>
        )
      ) : null}
    </>
  )
}

function Checks({ found, book, url }: { found: Found; book: AddressBook; url: string }): ReactNode {
  const age = Math.max(0, Math.floor(Date.now() / 1000) - found.time)
  return (
    <>
      <dl className="facts">
        <dt>Node</dt>
        <dd>{url}</dd>
        <dt>Chain</dt>
        <dd>{found.chainId}</dd>
        <dt>Newest block</dt>
        <dd>
          {found.block.toLocaleString('en')}, <Instant at={found.time} />
        </dd>
        <dt>Escrow</dt>
        <dd>
          <Hash value={book.contracts.Escrow} label="escrow" />
        </dd>
        <dt>Stake</dt>
        <dd>
          <Hash value={book.contracts.ProviderStake} label="stake's contract" />
        </dd>
      </dl>
      {age > OLD ? <p role="alert">Its newest block is {Math.floor(age / 60).toLocaleString('en')} minutes old: it may not follow its chain. Compare with another node.</p> : null}
    </>
  )
}

function Paste({ done }: { done: (book: AddressBook) => void }): ReactNode {
  const [wrong, setWrong] = useState<string | null>(null)
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    try {
      done(parseAddressBook(JSON.parse(String(new FormData(event.currentTarget).get('book')))))
    } catch (thrown) {
      setWrong(`That is no address book: ${(thrown as Error).message}`)
    }
  }
  return (
    <Section title="Address book">
      <p>This browser has kept no addresses of this market. Paste the address book of the deployment; compare it with what your earlier transactions were sent to.</p>
      <form className="fields" onSubmit={submit}>
        <div>
          <label htmlFor="book">Address book, JSON</label>
          <textarea id="book" name="book" rows={6} spellCheck={false} required />
        </div>
        {wrong ? <p role="alert">{wrong}</p> : null}
        <button type="submit">Use it</button>
      </form>
    </Section>
  )
}
