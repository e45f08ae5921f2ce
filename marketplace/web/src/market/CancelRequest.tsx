import { typedData } from '@computehive/contracts'
import { useState, type ReactNode } from 'react'
import type { Address } from 'viem'

import { useSession } from '../app/context'
import { SignatureRequest, type Fact } from '../ui/SignatureRequest'
import type { Typed } from '../wallet/signing'
import { useSigning } from '../wallet/useSigning'
import { answerOf } from './api'
import type { Config } from './queries'

/** A `Cancel` as it is signed. */
export interface Cancel {
  readonly signer: string
  readonly kind: 0 | 1 | 2
  readonly salt: number
}

interface Props {
  cancel: Cancel
  config: Config
  /** What signing does, in one sentence. */
  does: string
  facts: readonly Fact[]
  /** On the button. */
  action: string
  done: () => Promise<unknown>
}

/** A cancel of orders: read, signed, sent. */
export function CancelRequest({ cancel, config, does, facts, action, done }: Props): ReactNode {
  const { market } = useSession()
  const { sign, isAsking, problem } = useSigning()
  const [refusal, setRefusal] = useState<string | null>(null)
  // Its bytes are signed, not how it is written.
  const domain = { ...config.domain, verifyingContract: config.domain.verifyingContract.toLowerCase() as Address }
  const typed: Typed = { domain, types: typedData.Cancel.types, primaryType: 'Cancel', message: { ...cancel } }
  const act = async () => {
    setRefusal(null)
    const signature = await sign(typed)
    if (!signature) return
    try {
      await answerOf(market.POST('/api/v1/cancellations', { body: { cancel, signature } }))
      await done()
    } catch (thrown) {
      setRefusal((thrown as Error).message)
    }
  }
  return (
    <>
      <SignatureRequest does={does} facts={facts} typed={typed} />
      {(problem ?? refusal) ? <p role="alert">{problem?.message ?? refusal}</p> : null}
      <p>
        <button type="button" disabled={isAsking} onClick={() => void act()}>
          {isAsking ? 'Look at your wallet…' : action}
        </button>
      </p>
    </>
  )
}
