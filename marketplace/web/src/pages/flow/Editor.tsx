import { lazy, Suspense, useCallback, useEffect, useMemo, useState, type KeyboardEvent, type ReactNode } from 'react'
import { Link } from 'wouter'

import { saveDraft, type Draft } from '../../flow/drafts'
import { edited, historyOf, redone, undone } from '../../flow/history'
import { connect, disconnect, needsOf, removeJob, type Flow, type Job } from '../../flow/model'
import { problemsOf, type Path } from '../../flow/problems'
import { useFocus, type Edit } from './edit'
import { JobList } from './JobList'
import { Place } from './Place'
import { Problems } from './Problems'
import { Share } from './Share'
import { Summary } from './Summary'
import { YamlView } from './YamlView'
import type { Drawn, Edits } from './Graph'

const Graph = lazy(() => import('./Graph'))

/** A draft: one workflow, as a graph, as a list and as YAML. */
export function Editor({ draft }: { draft: Draft }): ReactNode {
  const [history, setHistory] = useState(() => historyOf(draft.flow))
  const [selected, select] = useState<number | null>(null)
  const [said, say] = useState('')
  const flow = history.now
  const edit = useCallback<Edit>((change, of) => setHistory((before) => edited(before, change(before.now), of)), [])
  const isSaved = useSaved(draft, flow)
  const focusAt = useFocus()
  const problems = useMemo(() => problemsOf(flow), [flow])
  const go = (path: Path) => {
    if (path[0] === 'jobs' && typeof path[1] === 'number') select(path[1])
    focusAt(path)
  }
  const undo = () => setHistory(undone)
  const redo = () => setHistory(redone)
  const pressed = (event: KeyboardEvent) => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== 'z') return
    event.preventDefault()
    if (event.shiftKey) redo()
    else undo()
  }
  const edits = useMemo<Edits>(() => editsOf(flow, edit, selected, select, say), [flow, edit, selected])
  return (
    <div onKeyDown={pressed}>
      <p>
        <Link href="/flow">All workflows</Link>
      </p>
      <section aria-labelledby="whole">
        <h2 id="whole" className="unseen">
          The workflow
        </h2>
        <Summary flow={flow} edit={edit} problems={problems} />
        <p className="tools">
          <button type="button" className="plain" disabled={history.past.length === 0} onClick={undo}>
            Undo
          </button>
          <button type="button" className="plain" disabled={history.future.length === 0} onClick={redo}>
            Redo
          </button>
          <span className="note">{isSaved ? 'Kept in this browser as you write.' : 'This browser has no room to keep it: download it.'}</span>
        </p>
        <Problems flow={flow} problems={problems} go={go} />
      </section>
      <section aria-labelledby="graph">
        <h2 id="graph">Graph</h2>
        <p className="note">
          Draw a line from one job’s right side to another’s left, and the other waits for it. The list below does all of this by keyboard.
        </p>
        <Suspense fallback={<div className="graph" role="status" aria-label="Loading the graph" />}>
          <Graph drawn={drawnOf(flow, problems.map(({ path }) => path))} edits={edits} />
        </Suspense>
        <p className="unseen" role="status">
          {said}
        </p>
      </section>
      <div className="twins">
        <section aria-labelledby="jobs">
          <h2 id="jobs">Jobs</h2>
          <JobList flow={flow} edit={edit} problems={problems} selected={selected} select={select} focusAt={focusAt} say={say} />
        </section>
        <section aria-labelledby="yaml">
          <h2 id="yaml">YAML</h2>
          <YamlView flow={flow} edit={edit} problems={problems} />
          <Share flow={flow} edit={edit} canRun={problems.length === 0} />
        </section>
      </div>
      <section aria-labelledby="place">
        <h2 id="place">Place it</h2>
        {problems.length === 0 ? <Place flow={flow} /> : <p className="empty">Once nothing is wrong with it, it can be placed here.</p>}
      </section>
    </div>
  )
}

function editsOf(flow: Flow, edit: Edit, selected: number | null, select: Edits['select'], say: (text: string) => void): Edits {
  const nameOf = (index: number) => flow.jobs[index]?.name ?? ''
  return {
    selected,
    select,
    connect: (from, to) => {
      edit((before) => connect(before, nameOf(from), nameOf(to)))
      select(to)
      say(`${nameOf(to)} waits for ${nameOf(from)} now.`)
    },
    disconnect: (from, to) => {
      edit((before) => disconnect(before, nameOf(from), nameOf(to)))
      say(`${nameOf(to)} needs ${nameOf(from)} no more.`)
    },
    remove: (index) => {
      edit((before) => removeJob(before, index))
      select(null)
      say(`${nameOf(index)} is removed.`)
    },
  }
}

/** The jobs as the graph has them; those at which something is wrong are marked. */
function drawnOf(flow: Flow, wrong: readonly Path[]): Drawn[] {
  return flow.jobs.map((job, at) => ({
    name: job.name,
    more: job.program,
    needs: needsOf(job).map((name) => ({ name, label: labelOf(job, name) })),
    ...(wrong.some((path) => path[0] === 'jobs' && path[1] === at) ? { state: 'not right yet', tone: 'bad' as const } : {}),
  }))
}

function labelOf(job: Job, need: string): string {
  const files = job.takes.filter((one) => one.job === need).map((one) => one.output.replace(/^out\//, ''))
  return files.length === 0 ? 'waits' : files.length === 1 ? files[0]! : `${files.length} files`
}

/** Keeps the draft at every change; whether there was room. */
function useSaved(draft: Draft, flow: Flow): boolean {
  const [isSaved, setSaved] = useState(true)
  useEffect(() => {
    if (flow !== draft.flow) setSaved(saveDraft(draft.id, flow, Math.floor(Date.now() / 1000)))
  }, [draft, flow])
  return isSaved
}
