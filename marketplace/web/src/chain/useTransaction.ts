import { useCallback, useState } from 'react'
import type { PublicClient } from 'viem'

import { useSession } from '../app/context'
import { runTransaction, type Call, type TransactionState } from './transactions'

export interface Transaction {
  readonly state: TransactionState
  /** Whether it is on its way: not the time for another. */
  readonly isBusy: boolean
  /** Send a call on a chain through a node, and follow it; true once it is done. */
  readonly send: (node: PublicClient, chainId: number, call: Call, effect?: () => Promise<boolean>) => Promise<boolean>
}

const BUSY = new Set(['checking', 'asking', 'pending'])

/** One transaction of whoever is connected. */
export function useTransaction(): Transaction {
  const { wallet } = useSession()
  const [state, setState] = useState<TransactionState>({ at: 'idle' })
  const send = useCallback<Transaction['send']>(
    async (node, chainId, call, effect) => {
      try {
        const signer = await wallet.signer(chainId)
        return (await runTransaction(node, signer, call, setState, effect)).at === 'done'
      } catch (thrown) {
        setState({ at: 'failed', message: (thrown as Error).message, hash: null })
        return false
      }
    },
    [wallet],
  )
  return { state, isBusy: BUSY.has(state.at), send }
}
