import type { ReactNode } from 'react'
import type { Address } from 'viem'

import { useWallet } from '../../app/context'
import { JobTable } from '../../market/JobTable'
import { useAccount, useJobs } from '../../market/queries'
import { useLeases, type Lease } from '../../market/rounds'
import { DataTable } from '../../ui/DataTable'
import { Section } from '../../ui/Section'
import { Loaded } from '../../ui/states'
import { Figure, Hash, Instant, Usdc } from '../../ui/values'

/** What is the visitor's: money, jobs, and leases on both sides. */
export function Mine(): ReactNode {
  const { account } = useWallet()
  return account ? <Of account={account} /> : null
}

function Of({ account }: { account: Address }): ReactNode {
  const jobs = useJobs(account)
  return (
    <>
      <Section title="Yours">
        <Money account={account} />
      </Section>
      <Section title="Your jobs">
        <Loaded query={jobs} what="your jobs" empty={{ is: isEmpty, say: 'You have no jobs yet.' }}>
          {(all) => <JobTable caption="Your newest jobs" rows={all} />}
        </Loaded>
      </Section>
      <Section title="Your leases">
        <Leases side="renter" account={account} />
        <Leases side="provider" account={account} />
      </Section>
    </>
  )
}

function isEmpty(all: readonly unknown[]): boolean {
  return all.length === 0
}

function Money({ account }: { account: Address }): ReactNode {
  const money = useAccount(account)
  return (
    <Loaded query={money} what="your account" lines={2}>
      {(found) => (
        <dl className="figures">
          <Figure label="In your wallet">
            <Usdc micro={found.wallet} />
          </Figure>
          <Figure label="Free in the escrow" more="yours to spend or withdraw">
            <Usdc micro={found.free} />
          </Figure>
          <Figure label="Locked for jobs" more="the most that they can cost">
            <Usdc micro={found.locked} />
          </Figure>
        </dl>
      )}
    </Loaded>
  )
}

const SIDES = {
  renter: { title: 'As renter', caption: 'Leases of your jobs', none: 'None of your jobs has had a lease yet.', paid: 'Paid' },
  provider: { title: 'As provider', caption: 'Leases of your machines', none: 'None of your machines has had a lease yet.', paid: 'Earned' },
} as const

function Leases({ side, account }: { side: 'renter' | 'provider'; account: Address }): ReactNode {
  const leases = useLeases(side, account)
  const { title, caption, none, paid } = SIDES[side]
  return (
    <>
      <h3>{title}</h3>
      <Loaded query={leases} what={caption.toLowerCase()} empty={{ is: isEmpty, say: none }}>
        {(all) => (
          <DataTable
            caption={caption}
            rows={all}
            keyOf={(lease) => lease.leaseId}
            columns={[
              { name: 'Lease', of: (lease) => <Hash value={lease.leaseId} label="lease id" /> },
              { name: side === 'renter' ? 'Provider' : 'Renter', of: (lease) => <Hash value={side === 'renter' ? lease.provider : lease.renter} label="address" /> },
              { name: 'State', of: (lease) => lease.state },
              { name: 'Locked', of: (lease) => <Usdc micro={lease.price} />, isNumber: true },
              { name: paid, of: (lease) => amountOf(lease, side), isNumber: true },
              { name: 'Deadline', of: (lease) => <Instant at={lease.deadline} /> },
            ]}
          />
        )}
      </Loaded>
    </>
  )
}

/** What a closed lease cost its renter, fee included, or brought its provider. */
function amountOf({ paid, fee }: Lease, side: 'renter' | 'provider'): ReactNode {
  if (paid === null) return 'not yet'
  return <Usdc micro={side === 'renter' ? BigInt(paid) + BigInt(fee ?? '0') : paid} />
}
