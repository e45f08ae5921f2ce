import { useId, useState, type FormEvent, type ReactNode } from 'react'

import { shorten } from '../ui/amounts'
import { Hash } from '../ui/values'
import type { Announced } from '../wallet/provider'
import { useSession, useWallet } from './context'

/** Who is here, or which wallets could say so. */
export function WalletMenu(): ReactNode {
  const { account, wallet } = useWallet()
  const [isOpen, setOpen] = useState(false)
  const id = useId()
  const name = account ? `${wallet ? wallet.name : 'Watching'}: ${shorten(account)}` : 'Connect a wallet'
  return (
    <div className="wallet" onKeyDown={(event) => event.key === 'Escape' && setOpen(false)}>
      <button type="button" aria-expanded={isOpen} aria-controls={id} onClick={() => setOpen(!isOpen)}>
        {name}
      </button>
      {isOpen ? (
        <div id={id} className="menu" role="group" aria-label="Wallet">
          {account ? <Connected leave={() => setOpen(false)} /> : <Choice done={() => setOpen(false)} />}
        </div>
      ) : null}
    </div>
  )
}

function Connected({ leave }: { leave: () => void }): ReactNode {
  const { wallet: store } = useSession()
  const { account, wallet } = useWallet()
  const disconnect = () => {
    store.disconnect()
    leave()
  }
  return (
    <>
      <p>
        {wallet ? `${wallet.name} signs for` : 'You watch'} <Hash value={account!} label="your address" />
      </p>
      {wallet ? null : <p className="note">Nothing can be signed for an account that is only watched.</p>}
      <button type="button" onClick={disconnect}>
        {wallet ? 'Disconnect' : 'Stop watching'}
      </button>
    </>
  )
}

function Choice({ done }: { done: () => void }): ReactNode {
  const { wallet: store } = useSession()
  const { found, asking, error } = useWallet()
  const connect = async (wallet: Announced) => {
    await store.connect(wallet)
    if (store.state().account) done()
  }
  return (
    <>
      {found.length === 0 ? <p>No wallet is in this browser. Install one, or watch an account without it.</p> : null}
      <ul className="wallets">
        {found.map((wallet) => (
          <li key={wallet.id}>
            <button type="button" disabled={asking !== null} onClick={() => void connect(wallet)}>
              {wallet.icon ? <img src={wallet.icon} alt="" width="20" height="20" /> : null} {wallet.name}
            </button>
          </li>
        ))}
      </ul>
      {asking === 'connect' ? <p role="status">Look at your wallet: it asks which account this page may see.</p> : null}
      {error ? <p role="alert">{error.message}</p> : null}
      <Watch done={done} />
    </>
  )
}

function Watch({ done }: { done: () => void }): ReactNode {
  const { wallet } = useSession()
  const [isWrong, setWrong] = useState(false)
  const id = useId()
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const address = String(new FormData(event.currentTarget).get('address') ?? '').trim()
    if (wallet.watch(address)) done()
    else setWrong(true)
  }
  return (
    <form onSubmit={submit}>
      <label htmlFor={id}>Watch an account</label>
      <input id={id} name="address" placeholder="0x…" autoComplete="off" spellCheck={false} aria-invalid={isWrong} />
      {isWrong ? <p role="alert">An address is 0x and 40 hex digits.</p> : null}
      <button type="submit">Watch</button>
    </form>
  )
}
