import type { ReactNode } from 'react'

import { addJob, moveJob, needsOf, removeJob, type Flow, type Job } from '../../flow/model'
import { attemptsOf, type Path, type Problem } from '../../flow/problems'
import { idAt, type Edit } from './edit'
import { JobForm } from './JobForm'

interface Props {
  flow: Flow
  edit: Edit
  problems: readonly Problem[]
  selected: number | null
  select: (index: number | null) => void
  focusAt: (path: Path) => void
  say: (text: string) => void
}

/** The same workflow as a list, in the order of the document. */
export function JobList({ flow, edit, problems, selected, select, focusAt, say }: Props): ReactNode {
  const { jobs } = flow
  const add = () => {
    edit(addJob)
    select(jobs.length)
    focusAt(['jobs', jobs.length, 'name'])
  }
  const move = (index: number, by: -1 | 1) => {
    edit((before) => moveJob(before, index, by))
    if (selected === index) select(index + by)
    else if (selected === index + by) select(index)
    focusAt(['jobs', index + by])
    say(`${jobs[index]!.name} is job ${index + by + 1} of ${jobs.length} now.`)
  }
  const remove = (index: number) => {
    edit((before) => removeJob(before, index))
    select(null)
    focusAt(jobs.length > 1 ? ['jobs', Math.max(0, index - 1)] : ['add'])
    say(`${jobs[index]!.name} is removed.`)
  }
  return (
    <>
      <ol className="jobs">
        {jobs.map((job, index) => (
          <li key={index}>
            <div className="job-line">
              <button
                type="button"
                id={idAt(['jobs', index])}
                className="link"
                aria-expanded={selected === index}
                onClick={() => select(selected === index ? null : index)}
              >
                {job.name || `job ${index + 1}`}
              </button>
              <Tool text="↑" means={`Move ${job.name} up`} isOff={index === 0} act={() => move(index, -1)} />
              <Tool text="↓" means={`Move ${job.name} down`} isOff={index === jobs.length - 1} act={() => move(index, 1)} />
              <Tool text="✕" means={`Remove ${job.name}`} act={() => remove(index)} />
            </div>
            <p className="note">{aboutOf(job)}</p>
            {selected === index ? (
              <JobForm flow={flow} index={index} edit={edit} problems={problems} focusAt={focusAt} />
            ) : (
              <Wrongs problems={problems} index={index} />
            )}
          </li>
        ))}
      </ol>
      <button type="button" id={idAt(['add'])} onClick={add}>
        Add a job
      </button>
    </>
  )
}

function Tool({ text, means, isOff = false, act }: { text: string; means: string; isOff?: boolean; act: () => void }): ReactNode {
  return (
    <button type="button" className="plain tool" aria-label={means} title={means} disabled={isOff} onClick={act}>
      {text}
    </button>
  )
}

function aboutOf(job: Job): string {
  const needs = needsOf(job)
  const attempts = attemptsOf(job)
  const facts = [job.program, needs.length > 0 ? `needs ${needs.join(', ')}` : 'needs nothing', `${job.maxPrice || '?'} USDC`]
  return [...facts, ...(attempts > 1 ? [`${attempts} attempts`] : [])].join(' · ')
}

function Wrongs({ problems, index }: { problems: readonly Problem[]; index: number }): ReactNode {
  const found = problems.filter(({ path }) => path[0] === 'jobs' && path[1] === index)
  return (
    <ul className="wrongs">
      {found.map(({ path, message }) => (
        <li key={path.join('.')} className="wrong">
          {path[2]}: {message}
        </li>
      ))}
    </ul>
  )
}
