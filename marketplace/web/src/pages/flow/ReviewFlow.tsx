import type { ReactNode } from 'react'

import type { FlowBid } from '../../flow/bids'
import type { Config } from '../../market/queries'
import { DataTable } from '../../ui/DataTable'
import { Instant, Usdc } from '../../ui/values'
import { Review } from '../deploy/Review'
import type { Placing, usePlacing } from './usePlacing'

interface Props {
  state: Extract<Placing, { at: 'review' }>
  /** Micro-USDC that all of it costs at most. */
  total: bigint
  config: Config
  placing: ReturnType<typeof usePlacing>
}

/** Every bid of a workflow before the wallet opens, and the next one field by field. */
export function ReviewFlow({ state: { bids, signatures, isPlacing, isRefused }, total, config, placing }: Props): ReactNode {
  const next = bids[signatures.length]
  const left = bids.length - signatures.length
  return (
    <>
      <p>
        Your wallet asks once for each of these {bids.length} bids. Together they cost <Usdc micro={total} /> at most: of a job’s attempts at most one is paid. Nothing is placed before
        all are signed, and then all of them are, or none. You can close this page afterwards: each job begins once those that it needs are paid.
      </p>
      <DataTable
        caption="Bids of this workflow"
        rows={bids}
        keyOf={({ bid }) => String(bid.salt)}
        columns={[
          { name: 'Job', of: ({ job }) => job },
          { name: 'Attempt', of: ({ attempt }) => attempt + 1, isNumber: true },
          { name: 'At most', of: ({ bid }) => <Usdc micro={BigInt(bid.maxPrice) * BigInt(bid.replicas)} />, isNumber: true },
          { name: 'Ends by', of: ({ bid }) => <Instant at={bid.deadline} /> },
          { name: 'Signed', of: (one) => stateOf(bids.indexOf(one), signatures.length) },
        ]}
      />
      {next ? (
        <>
          <h3>{headOf(next, signatures.length + 1, bids.length)}</h3>
          <Review bid={next.bid} spec={next.spec} config={config} />
        </>
      ) : null}
      {bids.slice(signatures.length + 1).map((one, at) => (
        <details key={one.bid.salt}>
          <summary>{headOf(one, signatures.length + 2 + at, bids.length)}</summary>
          <Review bid={one.bid} spec={one.spec} config={config} />
        </details>
      ))}
      <p className="tools">
        {isRefused ? null : (
          <button type="button" disabled={placing.isAsking || isPlacing} onClick={() => void placing.sign()}>
            {placing.isAsking ? 'Look at your wallet…' : isPlacing ? 'Placing…' : left === 0 ? 'Place again' : signatures.length === 0 ? `Sign ${left} and place` : `Sign the other ${left} and place`}
          </button>
        )}
        <button type="button" className="plain" disabled={placing.isAsking || isPlacing} onClick={placing.drop}>
          {isRefused ? 'Begin anew' : 'Back'}
        </button>
      </p>
    </>
  )
}

function headOf({ job, attempt }: FlowBid, at: number, of: number): string {
  return `Bid ${at} of ${of}: ${job}${attempt > 0 ? `, attempt ${attempt + 1}` : ''}`
}

function stateOf(at: number, signed: number): string {
  return at < signed ? 'signed' : at === signed ? 'next' : 'not yet'
}
