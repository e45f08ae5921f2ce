import type { ReactNode } from 'react'

import type { TransactionState } from '../chain/transactions'
import { Hash } from './values'

/** Where a transaction is, in a person's words; nothing before it begins. */
export function TransactionLine({ state }: { state: TransactionState }): ReactNode {
  if (state.at === 'idle') return null
  if (state.at === 'failed') {
    return (
      <p role="alert">
        {state.message} {state.hash ? <Hash value={state.hash} label="transaction" /> : null}
      </p>
    )
  }
  return (
    <p role="status">
      {wordsOf(state)} {'hash' in state ? <Hash value={state.hash} label="transaction" /> : null}
    </p>
  )
}

function wordsOf(state: Exclude<TransactionState, { at: 'idle' | 'failed' }>): string {
  switch (state.at) {
    case 'checking':
      return 'Trying it first…'
    case 'asking':
      return 'Look at your wallet: it asks whether to send this.'
    case 'pending':
      return state.isReplaced ? 'Sent again with another fee; waiting for a block.' : 'Sent; waiting for a block.'
    case 'done':
      return `Done in block ${state.block}.`
  }
}
