import type { ReactNode } from 'react'

import type { Typed } from '../wallet/signing'

export interface Fact {
  readonly name: string
  readonly value: ReactNode
}

interface SignatureRequestProps {
  /** What signing does, in one sentence. */
  does: ReactNode
  /** What matters of the message, as a person reads it. */
  facts: readonly Fact[]
  /** What the wallet is going to show. */
  typed: Typed
}

/** A message before the wallet opens: what it means, and below that each field as the wallet has it (EIP-712). */
export function SignatureRequest({ does, facts, typed }: SignatureRequestProps): ReactNode {
  return (
    <>
      <p>{does}</p>
      <dl className="facts">
        {facts.map(({ name, value }) => (
          <div key={name} className="fact">
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <details>
        <summary>Each field as your wallet shows it</summary>
        <dl className="facts">
          <div className="fact">
            <dt>Signed for</dt>
            <dd>
              {String(typed.domain.name)}, chain {String(typed.domain.chainId)}, contract <code>{String(typed.domain.verifyingContract)}</code>
            </dd>
          </div>
          {(typed.types[typed.primaryType] ?? []).map(({ name }) => (
            <div key={name} className="fact">
              <dt>{name}</dt>
              <dd>
                <code>{String(typed.message[name])}</code>
              </dd>
            </div>
          ))}
        </dl>
      </details>
    </>
  )
}
