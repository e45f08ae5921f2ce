import { useState, type ReactNode } from 'react'
import { Link, useLocation } from 'wouter'

import { useWallet } from '../../app/context'
import { listDrafts, newDraft, removeDraft } from '../../flow/drafts'
import { EMPTY, type Flow } from '../../flow/model'
import { TEMPLATES } from '../../flow/templates'
import { DataTable } from '../../ui/DataTable'
import { Loaded } from '../../ui/states'
import { Instant, Usdc } from '../../ui/values'
import { useWorkflows } from './queries'
import { StateMark } from './StateMark'

/** Where workflows begin, and the visitor's own. */
export function Start(): ReactNode {
  return (
    <>
      <p>A workflow is several jobs of which some take files that others make. You sign all of them at once; each begins when what it needs is paid.</p>
      <New />
      <Drafts />
      <Mine />
    </>
  )
}

function New(): ReactNode {
  const [, go] = useLocation()
  const [isFull, setFull] = useState(false)
  const begin = (flow: Flow) => {
    const id = newDraft(flow)
    if (id) go(`/flow/${id}`)
    else setFull(true)
  }
  const all = [...TEMPLATES, { id: 'empty', title: 'Empty', about: 'Begin with nothing, or with a document that you have.', flow: EMPTY }]
  return (
    <section aria-labelledby="new">
      <h2 id="new">Begin one</h2>
      <ul className="templates">
        {all.map(({ id, title, about, flow }) => (
          <li key={id}>
            <h3>{title}</h3>
            <p>{about}</p>
            <p className="note">{flow.jobs.length === 0 ? 'No jobs yet' : flow.jobs.map((job) => job.name).join(', ')}</p>
            <button type="button" onClick={() => begin(flow)}>
              Begin<span className="unseen"> with: {title}</span>
            </button>
          </li>
        ))}
      </ul>
      {isFull ? <p role="alert">This browser keeps no more for this page. Remove a draft first.</p> : null}
    </section>
  )
}

function Drafts(): ReactNode {
  const [drafts, setDrafts] = useState(() => listDrafts())
  const remove = (id: string) => {
    removeDraft(id)
    setDrafts(listDrafts())
  }
  if (drafts.length === 0) return null
  return (
    <section aria-labelledby="drafts">
      <h2 id="drafts">Drafts in this browser</h2>
      <DataTable
        caption="Drafts, newest first"
        rows={drafts}
        keyOf={({ id }) => id}
        columns={[
          { name: 'Name', of: ({ id, flow }) => <Link href={`/flow/${id}`}>{flow.name || 'without a name'}</Link> },
          { name: 'Jobs', of: ({ flow }) => flow.jobs.length, isNumber: true },
          { name: 'Changed', of: ({ savedAt }) => <Instant at={savedAt} /> },
          {
            name: 'Remove',
            of: ({ id, flow }) => (
              <button type="button" className="plain" onClick={() => remove(id)}>
                Remove<span className="unseen"> the draft {flow.name}</span>
              </button>
            ),
          },
        ]}
      />
    </section>
  )
}

function Mine(): ReactNode {
  const { account } = useWallet()
  const placed = useWorkflows(account)
  return (
    <section aria-labelledby="placed">
      <h2 id="placed">Yours on this market</h2>
      {account ? (
        <Loaded query={placed} what="your workflows" empty={{ is: (all) => all.length === 0, say: 'You have placed no workflow yet.' }}>
          {(all) => (
            <DataTable
              caption="Your workflows, newest first"
              rows={all}
              keyOf={(one) => one.workflowId}
              columns={[
                { name: 'Name', of: (one) => <Link href={`/flow/${one.workflowId}`}>{one.name || 'without a name'}</Link> },
                { name: 'State', of: (one) => <StateMark state={one.state} /> },
                { name: 'Jobs', of: (one) => one.jobs.length, isNumber: true },
                { name: 'Paid', of: (one) => <Usdc micro={one.paid} />, isNumber: true },
                { name: 'At most', of: (one) => <Usdc micro={one.cap} />, isNumber: true },
                { name: 'Placed', of: (one) => <Instant at={one.createdAt} /> },
              ]}
            />
          )}
        </Loaded>
      ) : (
        <p className="empty">Connect a wallet, or watch an account, to see its workflows.</p>
      )}
    </section>
  )
}
