import { useQueryClient } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import type { PublicClient } from 'viem'

import { useWallet } from '../app/context'
import { TransactionLine } from '../ui/TransactionState'
import type { Call } from './transactions'
import { useTransaction } from './useTransaction'

interface ActProps {
  node: PublicClient
  chainId: number
  name: string
  isOpen: boolean
  call: Call
  effect: () => Promise<boolean>
  done?: () => void
}

/** One transaction behind a button, told to its end. */
export function Act({ node, chainId, name, isOpen, call, effect, done }: ActProps): ReactNode {
  const { wallet } = useWallet()
  const client = useQueryClient()
  const { state, isBusy, send } = useTransaction()
  const act = async () => {
    if (!(await send(node, chainId, call, effect))) return
    await client.invalidateQueries()
    done?.()
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
