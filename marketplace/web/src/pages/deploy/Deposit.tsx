import { useQueryClient } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import type { Address } from 'viem'

import { useNode } from '../../chain/node'
import { useTransaction } from '../../chain/useTransaction'
import { usePinned } from '../../app/pinned'
import { useWallet } from '../../app/context'
import type { Config } from '../../market/queries'
import { TransactionLine } from '../../ui/TransactionState'
import { Usdc } from '../../ui/values'
import { approveCall, depositCall, freeOf, readFunds } from './deposits'

/** What the escrow lacks for a bid, and the two transactions that bring it there: leave for exactly that, then the deposit. */
export function Deposit({ missing, config }: { missing: bigint; config: Config }): ReactNode {
  const node = useNode()
  const pinned = usePinned()
  const { account, wallet } = useWallet()
  const client = useQueryClient()
  const allowing = useTransaction()
  const depositing = useTransaction()
  const [problem, setProblem] = useState<string | null>(null)
  const escrow = config.domain.verifyingContract as Address
  const isBusy = allowing.isBusy || depositing.isBusy
  const deposit = async () => {
    if (!node || !account) return
    setProblem(null)
    try {
      const funds = await readFunds(node, escrow, account)
      if (funds.wallet < missing) {
        setProblem('Your wallet holds less USDC than that. Bring some there first, or ask for less.')
        return
      }
      const mayTake = async () => (await readFunds(node, escrow, account)).allowance >= missing
      const isAllowed = funds.allowance >= missing || (await allowing.send(node, config.chainId, approveCall(funds.token, escrow, missing), mayTake))
      if (!isAllowed) return
      const isThere = async () => (await freeOf(node, escrow, account)) >= funds.free + missing
      await depositing.send(node, config.chainId, depositCall(escrow, missing), isThere)
      await client.invalidateQueries({ queryKey: ['account'] })
    } catch (thrown) {
      setProblem(`The chain's node did not answer: ${(thrown as Error).message.split('\n')[0]}`)
    }
  }
  const hindrance = hindranceOf({ hasNode: node !== null, hasWallet: wallet !== null, isChanged: pinned?.kind === 'changed' })
  return (
    <>
      <p>
        The escrow holds <Usdc micro={missing} /> too little of your money for this cap. What a job does not cost stays yours, and free money can be
        withdrawn at any time.
      </p>
      <p className="note">Your wallet asks twice: to let the escrow take exactly this amount, and to deposit it. Each costs gas.</p>
      <button type="button" disabled={isBusy || hindrance !== null} onClick={() => void deposit()}>
        Deposit <Plain micro={missing} />
      </button>
      {hindrance ? <p className="note">{hindrance}</p> : null}
      {problem ? <p role="alert">{problem}</p> : null}
      <TransactionLine state={allowing.state} />
      <TransactionLine state={depositing.state} />
    </>
  )
}

function Plain({ micro }: { micro: bigint }): ReactNode {
  return <Usdc micro={micro} />
}

function hindranceOf(now: { hasNode: boolean; hasWallet: boolean; isChanged: boolean }): string | null {
  if (now.isChanged) return 'This market is not what it was: nothing is sent for it.'
  if (!now.hasWallet) return 'Connect a wallet to deposit.'
  if (!now.hasNode) return 'The market names no node of the chain: set one in Settings.'
  return null
}
