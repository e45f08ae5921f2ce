import type { ReactNode } from 'react'
import { Link } from 'wouter'

import type { Round } from '../../market/queries'
import type { Column, TableProps } from '../../ui/DataTable'
import { DataTable } from '../../ui/DataTable'
import { formatShare } from '../../ui/shares'
import { Hash, Instant, Usdc } from '../../ui/values'

const COLUMNS: readonly Column<Round>[] = [
  { name: 'Round', of: ({ number }) => <Link href={`/rounds/${number}`}>{number}</Link>, isNumber: true, chars: 9 },
  { name: 'Cleared', of: ({ clearedAt }) => <Instant at={clearedAt} />, chars: 24 },
  { name: 'Bids', of: ({ bids }) => bids, isNumber: true, chars: 8 },
  { name: 'Asks', of: ({ asks }) => asks, isNumber: true, chars: 8 },
  { name: 'Leases', of: ({ matched }) => matched, isNumber: true, chars: 9 },
  { name: 'Surplus', of: ({ surplus }) => <Usdc micro={surplus} />, isNumber: true, chars: 20 },
  { name: 'Of the best', of: ({ surplus, bound }) => formatShare(surplus, bound), isNumber: true, chars: 12 },
  { name: 'Transcript', of: ({ digest }) => <Hash value={digest} label="transcript's digest" />, chars: 16 },
]

/** Rounds, newest first, each with the way to its page. */
export function RoundTable({ rows, Table = DataTable }: { rows: readonly Round[]; Table?: (props: TableProps<Round>) => ReactNode }): ReactNode {
  return <Table caption="Rounds, newest first" rows={rows} keyOf={({ number }) => String(number)} columns={COLUMNS} />
}
