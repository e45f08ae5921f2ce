import { useCallback, useMemo, type ReactNode } from 'react'

import type { Round } from '../../market/queries'
import { chooseRounds, useHistory, type RoundRates } from '../../market/rounds'
import { formatUsdc } from '../../ui/amounts'
import { DataTable } from '../../ui/DataTable'
import LineChart from '../../ui/LineChart'
import { rateOf, useUnits } from '../../ui/units'
import { Instant, Per, Rate } from '../../ui/values'
import { linesOf } from './lines'

const NOTHING = 'Nothing has been leased in the last rounds. Prices are drawn here once something is.'

/** What leases cost over the last rounds: CPUs in one picture, GPUs in another, as they differ a hundredfold. */
export default function PriceHistory({ rounds }: { rounds: readonly Round[] }): ReactNode {
  const { found, isLoading, error } = useHistory(rounds)
  if (chooseRounds(rounds).length === 0) return <p className="empty">{NOTHING}</p>
  if (found.length === 0 && isLoading) return <div className="history-room" role="status" aria-label="Loading past prices" />
  if (found.length === 0) return <p role="alert">Could not load past prices. {error?.message}</p>
  return (
    <>
      <div className="charts">
        <OfKind per="vCPU" found={found} />
        <OfKind per="GPU" found={found} />
      </div>
      <p className="note">
        All that leases of a round pay (time, memory, instructions, results and rent), divided by the GPUs or vCPUs that they hold and by
        their hours. Of the last {found.length} {found.length === 1 ? 'round' : 'rounds'} that leased anything.
      </p>
      <Behind found={found} />
    </>
  )
}

function OfKind({ per, found }: { per: 'GPU' | 'vCPU'; found: readonly RoundRates[] }): ReactNode {
  const units = useUnits()
  const time = units.per === 'hour' ? 'an hour' : `a ${units.per}`
  const formatY = useCallback((micro: number) => formatUsdc(rateOf(micro, units)), [units])
  const drawn = useMemo(() => linesOf(found, per), [found, per])
  if (drawn.lines.length === 0) return null
  return (
    <figure className="history">
      <figcaption>USDC for one {per} and {time}</figcaption>
      <LineChart
        label={`What a ${per} cost for ${time}, round by round; the table below has each figure`}
        xs={drawn.xs}
        lines={drawn.lines}
        xName="Round"
        formatY={formatY}
      />
    </figure>
  )
}

function Behind({ found }: { found: readonly RoundRates[] }): ReactNode {
  const rows = found.toReversed().flatMap(({ number, clearedAt, rates }) => rates.map((rate) => ({ number, clearedAt, ...rate })))
  return (
    <details>
      <summary>As a table</summary>
      <DataTable
        caption="Prices, round by round"
        rows={rows}
        keyOf={(row) => `${row.number} ${row.name}`}
        columns={[
          { name: 'Round', of: (row) => row.number, isNumber: true },
          { name: 'Cleared', of: (row) => <Instant at={row.clearedAt} /> },
          { name: 'Class', of: (row) => row.name },
          { name: 'Leases', of: (row) => row.leases, isNumber: true },
          { name: 'Price', of: (row) => <Rate microAnHour={row.micro} />, isNumber: true },
          { name: 'Per', of: (row) => <Per what={row.per} /> },
        ]}
      />
    </details>
  )
}
