import type { ReactNode } from 'react'

import { attemptsOf, totalOf, type Problem } from '../../flow/problems'
import type { Flow } from '../../flow/model'
import { Figure, Usdc } from '../../ui/values'
import type { Edit } from './edit'
import { Field } from './Field'

/** What the whole of it is called, what it is, and what it can cost. */
export function Summary({ flow, edit, problems }: { flow: Flow; edit: Edit; problems: readonly Problem[] }): ReactNode {
  const total = totalOf(flow)
  const bids = flow.jobs.reduce((sum, job) => sum + attemptsOf(job), 0)
  const set = (field: 'name' | 'cap') => (value: string) => edit((before) => ({ ...before, [field]: value }), field)
  return (
    <>
      <div className="pair">
        <Field path={['name']} label="Name" value={flow.name} set={set('name')} problems={problems} />
        <Field path={['cap']} label="Cap on all jobs (USDC)" value={flow.cap} set={set('cap')} problems={problems} placeholder="none" />
      </div>
      <dl className="figures">
        <Figure label="Jobs">{flow.jobs.length}</Figure>
        <Figure label="Signatures" more="one for each bid: a job, and each retry of it">
          {Number.isFinite(bids) ? bids : '–'}
        </Figure>
        <Figure label="Can cost at most" more="of a job’s attempts at most one is paid">
          {total === null ? '–' : <Usdc micro={total} />}
        </Figure>
      </dl>
    </>
  )
}
