import { lazy, Suspense, type ReactNode } from 'react'
import { Link } from 'wouter'

import { DataTable } from '../../ui/DataTable'
import { Loaded } from '../../ui/states'
import { Figure, Hash, Instant, Usdc } from '../../ui/values'
import { useWorkflow, type Workflow } from './queries'
import { StateMark, toneOf } from './StateMark'

const Graph = lazy(() => import('./Graph'))

/** A workflow on the market: where each of its jobs stands, as a graph and as a list. */
export function Placed({ id }: { id: string }): ReactNode {
  const workflow = useWorkflow(id)
  return (
    <>
      <p>
        <Link href="/flow">All workflows</Link>
      </p>
      <Loaded query={workflow} what="the workflow" lines={8}>
        {(found) => <Shown workflow={found} />}
      </Loaded>
    </>
  )
}

function Shown({ workflow }: { workflow: Workflow }): ReactNode {
  const drawn = workflow.jobs.map((job) => ({
    name: job.name,
    more: job.attempts.length > 1 ? `attempt ${triedOf(job)} of ${job.attempts.length}` : '',
    state: job.state,
    tone: toneOf(job.state),
    needs: job.needs.map((name) => ({ name, label: '' })),
  }))
  return (
    <>
      <section aria-labelledby="stands">
        <h2 id="stands" className="named">
          {workflow.name || 'Without a name'}
        </h2>
        <dl className="figures">
          <Figure label="State">
            <StateMark state={workflow.state} />
          </Figure>
          <Figure label="Paid">
            <Usdc micro={workflow.paid} />
          </Figure>
          <Figure label="At most" more="of a job’s attempts at most one is paid">
            <Usdc micro={workflow.cap} />
          </Figure>
          <Figure label="Placed">
            <Instant at={workflow.createdAt} />
          </Figure>
        </dl>
        <p className="note">
          Id <Hash value={workflow.workflowId} label="workflow id" />
        </p>
      </section>
      <section aria-labelledby="graph">
        <h2 id="graph">Graph</h2>
        <Suspense fallback={<div className="graph" role="status" aria-label="Loading the graph" />}>
          <Graph drawn={drawn} />
        </Suspense>
      </section>
      <section aria-labelledby="jobs">
        <h2 id="jobs">Jobs</h2>
        <Attempts workflow={workflow} />
        {workflow.state === 'running' ? (
          <p className="note">
            What has not begun can be withdrawn: <code>hive workflow cancel {workflow.workflowId}</code>
          </p>
        ) : null}
      </section>
    </>
  )
}

type Job = Workflow['jobs'][number]

/** Which attempt is the one that counts: the last that has begun or ended, else the first. */
function triedOf(job: Job): number {
  return Math.max(1, job.attempts.findLastIndex((one) => one.state !== 'queued' && one.state !== 'cancelled') + 1)
}

function Attempts({ workflow }: { workflow: Workflow }): ReactNode {
  const rows = workflow.jobs.flatMap((job) => job.attempts.map((attempt, number) => ({ job, attempt, number })))
  return (
    <DataTable
      caption="Jobs and their attempts"
      rows={rows}
      keyOf={({ attempt }) => attempt.jobId}
      columns={[
        { name: 'Job', of: ({ job, number }) => (number === 0 ? job.name : `${job.name}, retry ${number}`) },
        { name: 'State', of: ({ attempt }) => <StateMark state={attempt.state} /> },
        { name: 'Needs', of: ({ job }) => job.needs.join(', ') || 'nothing' },
        { name: 'Exit code', of: ({ attempt }) => (attempt.exitCode === null ? '' : String(attempt.exitCode)), isNumber: true },
        { name: 'Id', of: ({ attempt }) => <Hash value={attempt.jobId} label={`id of ${attempt.jobId}`} /> },
        { name: 'Why', of: ({ attempt }) => attempt.reason ?? '' },
      ]}
    />
  )
}
