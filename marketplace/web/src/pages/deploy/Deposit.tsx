import type { ReactNode } from 'react'

import { useWallet } from '../../app/context'
import { usePinned } from '../../app/pinned'
import type { Config } from '../../market/queries'
import { SignatureRequest } from '../../ui/SignatureRequest'
import { TransactionLine } from '../../ui/TransactionState'
import { Hash, Instant, Usdc } from '../../ui/values'
import type { Permit } from './permit'
import { useDeposit } from './useDeposit'

/** What the escrow lacks for a bid, and what brings it there: a permit that is read first and one transaction, or an approval and another. */
export function Deposit({ missing, config }: { missing: bigint; config: Config }): ReactNode {
  const pinned = usePinned()
  const { wallet } = useWallet()
  const { hasNode, isBusy, isAsking, problem, permit, allowing, depositing, begin, sign, approve } = useDeposit(missing, config)
  const hindrance = hindranceOf({ hasNode, hasWallet: wallet !== null, isChanged: pinned?.kind === 'changed' })
  const isStill = isBusy || isAsking
  return (
    <>
      <p>
        The escrow holds <Usdc micro={missing} /> too little of your money for this cap. What a job does not cost stays yours, and free money can be
        withdrawn at any time.
      </p>
      {permit && !hindrance ? (
        <>
          <Permitted permit={permit} escrow={config.domain.verifyingContract} />
          <div className="actions">
            <button type="button" disabled={isStill} onClick={() => void sign()}>
              {isAsking ? 'Look at your wallet…' : 'Sign and deposit'}
            </button>
            <button type="button" className="quiet" disabled={isStill} onClick={() => void approve()}>
              Approve instead
            </button>
          </div>
        </>
      ) : (
        <button type="button" disabled={isStill || hindrance !== null} onClick={() => void begin()}>
          Deposit <Usdc micro={missing} />
        </button>
      )}
      {hindrance ? <p className="note">{hindrance}</p> : null}
      {problem ? <p role="alert">{problem}</p> : null}
      <TransactionLine state={allowing.state} />
      <TransactionLine state={depositing.state} />
    </>
  )
}

function Permitted({ permit, escrow }: { permit: Permit; escrow: string }): ReactNode {
  const facts = [
    { name: 'Who may take it', value: <Hash value={escrow} label="the escrow contract" /> },
    { name: 'Exactly', value: <Usdc micro={permit.value} /> },
    { name: 'Until', value: <Instant at={Number(permit.deadline)} /> },
  ]
  return (
    <SignatureRequest
      does="This lets the escrow take so much of your USDC once. Your wallet then asks for the deposit itself, which costs gas. An approval does the same by a transaction of its own."
      facts={facts}
      typed={permit.typed}
    />
  )
}

function hindranceOf(now: { hasNode: boolean; hasWallet: boolean; isChanged: boolean }): string | null {
  if (now.isChanged) return 'This market is not what it was: nothing is sent for it.'
  if (!now.hasWallet) return 'Connect a wallet to deposit.'
  if (!now.hasNode) return 'The market names no node of the chain: set one in Settings.'
  return null
}
