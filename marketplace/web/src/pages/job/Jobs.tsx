import { useState, type ReactNode } from 'react'
import { Link } from 'wouter'

import { useWallet } from '../../app/context'
import { JobTable } from '../../market/JobTable'
import { Loaded } from '../../ui/states'
import { useJobPage } from './queries'

/** The jobs of whoever is connected or watched, newest first. */
export function Jobs(): ReactNode {
  const { account } = useWallet()
  if (!account) return <p className="empty">Connect a wallet, or watch an account, to see its jobs.</p>
  return <Of key={account} account={account} />
}

function Of({ account }: { account: string }): ReactNode {
  const [cursors, setCursors] = useState<readonly (string | null)[]>([null])
  const jobs = useJobPage(account, cursors.at(-1) ?? null)
  const next = jobs.data?.nextCursor
  return (
    <>
      <Loaded query={jobs} what="your jobs" lines={8} empty={{ is: (found) => found.jobs.length === 0, say: <>There are no jobs here yet. <Link href="/deploy">Deploy one</Link>.</> }}>
        {(found) => <JobTable caption="Jobs, newest first" rows={found.jobs} />}
      </Loaded>
      <p className="logbar">
        {cursors.length > 1 ? (
          <button type="button" onClick={() => setCursors(cursors.slice(0, -1))}>
            Newer
          </button>
        ) : null}
        {typeof next === 'string' ? (
          <button type="button" onClick={() => setCursors([...cursors, next])}>
            Older
          </button>
        ) : null}
      </p>
    </>
  )
}
