import type { ReactNode } from 'react'

import { formatUsdc } from '../../ui/amounts'
import { DataTable } from '../../ui/DataTable'
import { Loaded } from '../../ui/states'
import { Usdc } from '../../ui/values'
import { useCost, type Cost, type Job } from './queries'
import { replicaOf } from './replicas'

type Line = Cost['bills'][number]

/** What it costs and why, never more than was locked. */
export function Bill({ job }: { job: Job }): ReactNode {
  const cost = useCost(job.jobId)
  return (
    <section aria-labelledby="bill">
      <h2 id="bill">Bill</h2>
      <Loaded query={cost} what="the bill" empty={{ is: (found) => found.bills.length === 0, say: 'No lease is open yet: nothing is locked, nothing is owed.' }}>
        {(found) => found.bills.map((bill) => <One key={bill.leaseId} bill={bill} title={replicaOf(job, bill.leaseId)} />)}
      </Loaded>
    </section>
  )
}

function One({ bill, title }: { bill: Line; title: string | null }): ReactNode {
  const used = (name: string, amount: string | null, of: string) => ({ name, amount, of })
  const lines = [
    used('GPU', bill.gpu, 'time'),
    used('vCPU', bill.vcpu, bill.secondsUsed === null ? 'time' : `${bill.secondsUsed} s charged`),
    used('Memory', bill.memory, 'time'),
    used('Fuel', bill.fuel, bill.fuelUsed === null ? '' : `${BigInt(bill.fuelUsed).toLocaleString()} units of fuel`),
    used('Data sent', bill.cData, bill.egressMbUsed === null ? '' : `${bill.egressMbUsed} MB`),
    used('Up to the minimum charge', bill.minimumTopup, ''),
    used('Scarcity rent', bill.scarcityRent, 'what others would have paid for this machine'),
    used('Adjustment', bill.adjustment, 'rounding, or what was agreed'),
  ]
  const rows = [
    ...lines.filter(({ amount }) => amount !== null && BigInt(amount) !== 0n),
    used('To the provider', bill.paid, bill.closed ? `outcome ${bill.outcome}` : ''),
    used('Fee', bill.fee, 'to oracles and treasury'),
    used('Back to you', bill.refund, 'of what was locked'),
    used('Locked', bill.locked, `the most that it could cost; the quote was ${formatUsdc(bill.quoteReserved)} USDC`),
  ]
  return (
    <>
      {title ? <h3>{title}</h3> : null}
      {bill.closed ? null : <p>The lease is open. What is not used comes back when it closes.</p>}
      <DataTable
        caption={title ? `${title}: bill, line by line` : 'Bill, line by line'}
        rows={rows.filter(({ amount }) => amount !== null)}
        keyOf={({ name }) => name}
        columns={[
          { name: 'What', of: ({ name }) => name },
          { name: 'Amount', of: ({ amount }) => <Usdc micro={amount!} />, isNumber: true },
          { name: 'For', of: ({ of }) => of },
        ]}
      />
    </>
  )
}
