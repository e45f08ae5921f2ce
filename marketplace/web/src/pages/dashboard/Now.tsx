import type { ReactNode } from 'react'

import { useCluster, type Cluster } from '../../market/queries'
import { Section } from '../../ui/Section'
import { Loaded } from '../../ui/states'
import { Figure } from '../../ui/values'

/** States that nothing follows (`END_STATES` of marketplace/domain/jobs.py). */
const ENDED = ['paid', 'failed', 'fraud', 'refunded', 'cancelled', 'expired']

/** The network at this moment, and all that it has done. */
export function Now(): ReactNode {
  const cluster = useCluster()
  return (
    <Section title="Now">
      <Loaded query={cluster} what="the market's status" lines={4}>
        {(found) => <Figures found={found} />}
      </Loaded>
    </Section>
  )
}

function Figures({ found }: { found: Cluster }): ReactNode {
  const { nodes, units } = found
  return (
    <dl className="figures">
      <Figure label="Machines" more={`${nodes.total} known`}>
        {nodes.alive} alive
      </Figure>
      <Figure label="Units" more={`of ${units.total} on offer`}>
        {units.total - units.leased} free
      </Figure>
      <Figure label="In use" more="of all units on offer">
        {units.total === 0 ? '—' : `${Math.round((100 * units.leased) / units.total)} %`}
      </Figure>
      <Figure label="Jobs" more={`${sumOf(found.jobs)} in all`}>
        {sumOf(found.jobs) - sumOf(found.jobs, ENDED)} under way
      </Figure>
      <Figure label="Jobs paid" more={`of ${sumOf(found.jobs, ENDED)} that ended`}>
        {sumOf(found.jobs, ['paid'])}
      </Figure>
      <Figure label="Leases" more={`${sumOf(found.leases)} in all`}>
        {sumOf(found.leases) - sumOf(found.leases, ENDED)} open
      </Figure>
      <Figure label="Rounds">{found.rounds}</Figure>
    </dl>
  )
}

/** Of these states, or of all. */
function sumOf(counts: object, states: readonly string[] = Object.keys(counts)): number {
  return states.reduce((total, state) => total + ((counts as Record<string, number>)[state] ?? 0), 0)
}
