import { useState, type ReactNode } from 'react'

import { useSession } from '../../app/context'
import { useNode } from '../../chain/node'
import { useConfig } from '../../market/queries'
import { Hash } from '../../ui/values'
import type { Check } from './checks'
import type { Job, Lease } from './queries'
import { replicaOf } from './replicas'
import { verifyLease } from './verify'

/** What machines and oracles signed about the job, and a button that recomputes it here. */
export function Verify({ job }: { job: Job }): ReactNode {
  return (
    <section aria-labelledby="verify">
      <h2 id="verify">Evidence</h2>
      {job.leases.length === 0 ? <p className="empty">There is nothing to verify before a lease is open.</p> : null}
      {job.leases.map((lease) => (
        <One key={lease.leaseId} job={job} lease={lease} title={replicaOf(job, lease.leaseId)} />
      ))}
    </section>
  )
}

function One({ job, lease, title }: { job: Job; lease: Lease; title: string | null }): ReactNode {
  const { market, marketUrl } = useSession()
  const node = useNode()
  const config = useConfig()
  const [checks, setChecks] = useState<readonly Check[] | string | null>(null)
  const [isBusy, setBusy] = useState(false)
  const verify = async () => {
    setBusy(true)
    setChecks(await verifyLease(market, marketUrl, node, config.data!, job, lease).catch((thrown: Error) => thrown.message))
    setBusy(false)
  }
  return (
    <>
      {title ? <h3>{title}</h3> : null}
      <dl className="facts">
        <dt>Lease</dt>
        <dd>
          <Hash value={lease.leaseId} label="lease id" />
        </dd>
        <dt>Provider</dt>
        <dd>
          <Hash value={lease.provider} label="provider's address" />
        </dd>
        <dt>Result</dt>
        <dd>{lease.resultDigest ? <Hash value={lease.resultDigest} label="result digest" /> : 'not attested yet'}</dd>
        {lease.exit ? (
          <>
            <dt>Ended</dt>
            <dd>
              {lease.exit}, code {lease.exitCode}
            </dd>
          </>
        ) : null}
        <dt>Verdicts</dt>
        <dd>{lease.verdicts.length === 0 ? `${lease.sealedBy.length} sealed, none shown yet` : lease.verdicts.map(({ outcome }) => outcome).join(', ')}</dd>
      </dl>
      <p>
        <button type="button" disabled={isBusy || !config.data} onClick={() => void verify()}>
          {isBusy ? 'Recomputing…' : 'Verify it yourself'}
        </button>
      </p>
      {typeof checks === 'string' ? <p role="alert">It could not be verified: {checks}</p> : checks ? <Checks checks={checks} /> : null}
    </>
  )
}

const MARKS = { holds: ['✓', 'holds'], fails: ['✗', 'does not hold'], unknown: ['?', 'could not check'] } as const

function Checks({ checks }: { checks: readonly Check[] }): ReactNode {
  const count = (outcome: Check['outcome']) => checks.filter((one) => one.outcome === outcome).length
  return (
    <>
      <p role="status">
        <strong>
          {count('holds')} hold, {count('fails')} do not, {count('unknown')} could not be checked.
        </strong>{' '}
        Your browser computed this; the market only sent what was signed.
      </p>
      <ul className="checks">
        {checks.map(({ what, outcome, why }) => (
          <li key={what} data-outcome={outcome}>
            <span aria-hidden="true">{MARKS[outcome][0]}</span>
            <span>
              <span className="unseen">{MARKS[outcome][1]}: </span>
              {what}{' '}
              <span className="note">
                {outcome === 'unknown' ? 'Could not check, because ' : ''}
                {why}
              </span>
            </span>
          </li>
        ))}
      </ul>
    </>
  )
}
