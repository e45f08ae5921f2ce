import type { ReactNode } from 'react'

import { Hash, Instant } from '../../ui/values'
import type { Job } from './queries'

const WORDS: Readonly<Record<string, string>> = {
  queued: 'Signed and in the book',
  matched: 'Matched in a round',
  opening: 'Opening transaction sent',
  lease_opened: 'Lease opened on chain',
  running: 'Running',
  attestation: 'The machine attested its result',
  attested: 'Attested',
  sealed: 'An oracle sealed its verdict',
  verifying: 'Being verified',
  verdict: 'An oracle showed its verdict',
  batch_proposed: 'Put into a batch for the oracles to sign',
  settling: 'Being settled',
  lease_closed: 'Lease closed on chain',
  paid: 'Paid',
}

/** Everything that happened, in order. */
export function Timeline({ job }: { job: Job }): ReactNode {
  const blocks = new Map(job.leases.map((lease) => [lease.openedTransaction, lease.openedBlock]))
  return (
    <section aria-labelledby="timeline">
      <h2 id="timeline">Timeline</h2>
      <ol className="timeline">
        {job.timeline.map((line, at) => {
          const data = line.data as Readonly<Record<string, unknown>>
          const transaction = typeof data['transaction'] === 'string' ? data['transaction'] : null
          const block = transaction ? blocks.get(transaction) : undefined
          return (
            <li key={at}>
              <Instant at={line.at} />
              <div>
                <strong>{WORDS[line.event] ?? line.event.replaceAll('_', ' ')}</strong>
                {line.detail ? <span className="note"> {line.detail}</span> : null}
                {transaction ? (
                  <div className="note">
                    Transaction <Hash value={transaction} label="transaction" />
                    {block ? ` in block ${block}` : ''}
                  </div>
                ) : null}
              </div>
            </li>
          )
        })}
      </ol>
    </section>
  )
}
