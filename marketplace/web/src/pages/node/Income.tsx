import type { ReactNode } from 'react'

import { DataTable } from '../../ui/DataTable'
import { Section } from '../../ui/Section'
import { Loaded } from '../../ui/states'
import { Figure, Instant, Usdc } from '../../ui/values'
import { sumUp } from './earnings'
import { DAYS, useIncome, type Income as Found } from './queries'

/** What a machine earned. */
export function Income({ agent, gpus }: { agent: string; gpus: number }): ReactNode {
  const income = useIncome(agent)
  return (
    <Section title={`Earned in ${DAYS} days`}>
      <Loaded query={income} what="what it earned" lines={4} empty={{ is: ({ ended }) => ended.length === 0, say: `No lease of it ended in the last ${DAYS} days.` }}>
        {(found) => <Sums found={found} gpus={gpus} />}
      </Loaded>
    </Section>
  )
}

function Sums({ found: income, gpus }: { found: Found; gpus: number }): ReactNode {
  const found = sumUp(income.ended, { ...income, gpus })
  return (
    <>
      <dl className="figures">
        <Figure label="Earned" more="after the fee">
          <Usdc micro={found.earned} />
        </Figure>
        <Figure label="Leases that ended" more={`${found.paid} of them paid`}>
          {found.leases}
        </Figure>
        <Figure label="An hour" more={income.opened === null ? null : <>of the clock, since <Instant at={found.since} /></>}>
          {found.perHour === null ? 'not known yet' : <Usdc micro={found.perHour} />}
        </Figure>
        {gpus > 0 ? (
          <Figure label="A GPU and hour" more={`${gpus} in this machine`}>
            {found.perGpuHour === null ? 'not known yet' : <Usdc micro={found.perGpuHour} />}
          </Figure>
        ) : null}
      </dl>
      {found.perHour === null ? <p className="note">An hour after its first lease was opened, what it earns in one is told here, if a node of the chain says when that was.</p> : null}
      {income.isCut ? <p className="note">Of its newest leases only: there were more than this page looks through.</p> : null}
      <DataTable
        caption="Earned by day"
        rows={found.days}
        keyOf={({ day }) => day}
        columns={[
          { name: 'Day (UTC)', of: ({ day }) => day },
          { name: 'Leases', of: ({ leases }) => leases, isNumber: true },
          { name: 'Earned', of: ({ earned }) => <Usdc micro={earned} />, isNumber: true },
        ]}
      />
    </>
  )
}
