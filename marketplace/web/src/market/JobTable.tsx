import type { ReactNode } from 'react'
import { Link } from 'wouter'

import { DataTable } from '../ui/DataTable'
import { Hash, Instant, Usdc } from '../ui/values'
import type { JobRow } from './queries'

/** Jobs, a line each, with a link to each one's page. */
export function JobTable({ caption, rows }: { caption: string; rows: readonly JobRow[] }): ReactNode {
  return (
    <DataTable
      caption={caption}
      rows={rows}
      keyOf={({ jobId }) => jobId}
      columns={[
        { name: 'Job', of: ({ jobId, name }) => <Link href={`/jobs/${jobId}`}>{name || 'A job without a name'}</Link> },
        { name: 'Id', of: ({ jobId }) => <Hash value={jobId} label="job id" /> },
        { name: 'State', of: ({ state, reason }) => (reason ? `${state}: ${reason}` : state), isText: true },
        { name: 'At most', of: ({ bid }) => <Usdc micro={bid.maxPrice} />, isNumber: true },
        { name: 'Replicas', of: ({ bid }) => bid.replicas, isNumber: true },
        { name: 'Placed', of: ({ createdAt }) => <Instant at={createdAt} /> },
      ]}
    />
  )
}
