import { useState } from 'react'
import type { Hex } from 'viem'

import { useSession } from '../app/context'
import { usePinned } from '../app/pinned'
import { useNode } from '../chain/node'
import { signTyped, type Typed } from './signing'

export interface Signing {
  /** The signature of whoever is connected, or null: then `problem` says why. */
  readonly sign: (typed: Typed) => Promise<Hex | null>
  /** Whether the wallet's window is open for it. */
  readonly isAsking: boolean
  readonly problem: Error | null
}

/** Signatures for this market, which must be what it was before: its chain, its contract, its key. */
export function useSigning(): Signing {
  const { wallet } = useSession()
  const node = useNode()
  const pinned = usePinned()
  const [isAsking, setAsking] = useState(false)
  const [problem, setProblem] = useState<Error | null>(null)
  const sign = async (typed: Typed) => {
    setProblem(null)
    setAsking(true)
    try {
      if (!pinned) throw new Error('The market has not said yet what signatures are bound to.')
      if (pinned.kind === 'changed') throw new Error('This market is not what it was: nothing is signed for it.')
      return await signTyped(await wallet.signer(Number(typed.domain.chainId)), typed, node)
    } catch (thrown) {
      setProblem(thrown as Error)
      return null
    } finally {
      setAsking(false)
    }
  }
  return { sign, isAsking, problem }
}
