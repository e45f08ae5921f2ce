import type { ReactNode } from 'react'
import { useLocation } from 'wouter'

import { useWallet } from '../../app/context'
import { useAccount, type Config } from '../../market/queries'
import { formatUsdc, parseUsdc } from '../../ui/amounts'
import { Usdc } from '../../ui/values'
import { Deposit } from './Deposit'
import { NumberField } from './Hardware'
import { Review } from './Review'
import { useOrder, type Order } from './useOrder'

interface Props {
  config: Config
  /** Micro-USDC for a replica now; null while nothing fits. */
  now: string | null
  /** As typed; null until somebody types. */
  cap: string | null
  onCap: (cap: string) => void
  wanted: Omit<Order, 'maxPrice'> | null
}

/** The cap, the money for it, and the one signature. */
export function Rent({ config, now, cap, onCap, wanted }: Props): ReactNode {
  const { account, wallet } = useWallet()
  const [, go] = useLocation()
  const order = useOrder(config, (jobId) => go(`/jobs/${jobId}`))
  const held = useAccount(account)
  const text = cap ?? (now === null ? '' : formatUsdc(2n * BigInt(now)).replaceAll(',', ''))
  const maxPrice = parseUsdc(text)
  const isCap = maxPrice !== null && maxPrice > 0n
  const lock = isCap ? maxPrice * BigInt(wanted?.replicas ?? 1) : 0n
  const missing = held.data ? lock - BigInt(held.data.bidFree) : 0n
  const { state } = order
  const said = hindranceOf(wanted !== null, isCap, account !== null, wallet !== null)
  return (
    <section aria-labelledby="rent">
      <h2 id="rent">4. Rent</h2>
      {state.at === 'open' || state.at === 'uploading' ? (
        <>
          <div className="grid">
            <NumberField
              label="At most, USDC for each replica"
              value={text}
              wrong={text !== '' && !isCap ? 'An amount above zero, such as 0.25: at most six digits after the point.' : undefined}
              onChange={onCap}
            />
          </div>
          <p className="note">Twice the price now unless you say otherwise. You pay the round's price, never more than this.</p>
          {said === null && missing > 0n ? (
            <Deposit missing={missing} config={config} />
          ) : (
            <button type="button" disabled={said !== null || !held.data || state.at === 'uploading'} onClick={() => void order.begin({ ...wanted!, maxPrice: maxPrice! })}>
              Upload and review
            </button>
          )}
          {said ? <p className="note">{said}</p> : null}
          {held.data ? (
            <p className="note">
              Free for bids in the escrow: <Usdc micro={held.data.bidFree} />
            </p>
          ) : null}
        </>
      ) : (
        <Review bid={state.bid} spec={state.spec} config={config} />
      )}
      {state.at === 'uploading' ? (
        <p role="status">
          <progress max={Math.max(1, state.progress.total)} value={state.progress.sent} aria-label="Uploaded" /> {state.progress.sent.toLocaleString('en')} of{' '}
          {state.progress.total.toLocaleString('en')} bytes
        </p>
      ) : null}
      {state.at === 'review' ? (
        <div className="actions">
          <button type="button" disabled={order.isAsking} onClick={() => void order.sign()}>
            {order.isAsking ? 'Look at your wallet…' : 'Sign and submit'}
          </button>
          <button type="button" className="quiet" disabled={order.isAsking} onClick={order.drop}>
            Back
          </button>
        </div>
      ) : null}
      {state.at === 'signed' ? (
        <div className="actions">
          <button type="button" disabled={state.isPlacing} onClick={() => void order.place()}>
            {state.isPlacing ? 'Submitting…' : 'Submit again'}
          </button>
          {state.isPlacing ? null : (
            <button type="button" className="quiet" onClick={order.drop}>
              Back
            </button>
          )}
        </div>
      ) : null}
      {order.problem ? (
        <p role="alert">
          {order.problem.message} {state.at === 'signed' ? 'Your signature is kept: submitting it again makes one job, not two.' : null}
        </p>
      ) : null}
    </section>
  )
}

function hindranceOf(hasProgram: boolean, hasCap: boolean, hasAccount: boolean, hasWallet: boolean): string | null {
  if (!hasProgram) return 'Choose a program first.'
  if (!hasCap) return 'Say what you would pay at most.'
  if (!hasAccount) return 'Connect a wallet to go on.'
  return hasWallet ? null : 'This account is only watched. Connect its wallet to sign.'
}
