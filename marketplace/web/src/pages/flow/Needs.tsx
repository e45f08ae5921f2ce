import type { ReactNode } from 'react'

import { changeJob, needsOf, takeFile, type Job, type Taken } from '../../flow/model'
import { othersFor } from '../../flow/order'
import type { Path } from '../../flow/problems'
import { idAt } from './edit'
import { Field } from './Field'
import type { FormProps } from './JobForm'

/** Which jobs must be paid first, and which of their files this one takes. */
export function Needs({ flow, index, edit, problems, focusAt }: FormProps): ReactNode {
  const job = flow.jobs[index]!
  const at = (...rest: Path): Path => ['jobs', index, ...rest]
  const set = (change: Partial<Omit<Job, 'name'>>, of?: string) => edit((before) => changeJob(before, index, change), of && `jobs.${index}.${of}`)
  const others = othersFor(flow, index)
  const waitable = others.filter((name) => !needsOf(job).includes(name))
  const names = flow.jobs.flatMap(({ name }) => (name === job.name ? [] : [{ value: name, text: name }]))
  const part = (number: number, field: keyof Taken, label: string, placeholder: string, choices?: typeof names) => (
    <Field
      path={at('takes', number, field)}
      label={label}
      value={job.takes[number]![field]}
      placeholder={placeholder}
      problems={problems}
      {...(choices ? { choices } : {})}
      set={(value) => set({ takes: job.takes.map((one, which) => (which === number ? { ...one, [field]: value } : one)) }, `takes.${number}.${field}`)}
    />
  )
  const wait = () => {
    set({ after: [...job.after, waitable[0]!] })
    focusAt(at('after', job.after.length))
  }
  const take = () => {
    edit((before) => takeFile(before, index, { job: others[0]!, output: 'out/' }))
    focusAt(at('takes', job.takes.length, 'job'))
  }
  return (
    <fieldset className="needs">
      <legend>What it needs</legend>
      {job.takes.map((file, number) => (
        <div key={number} className="need" role="group" aria-label={`File ${number + 1} of others`}>
          {part(number, 'job', 'Takes of', '', names)}
          {part(number, 'output', 'its file', 'out/…')}
          {part(number, 'path', 'as, below /in', 'part.txt')}
          {part(number, 'maxBytes', 'of at most, bytes', '256000000')}
          <Remove
            means={`Take ${file.output || 'this file'} of ${file.job || 'nobody'} no more`}
            act={() => {
              set({ takes: job.takes.filter((_, which) => which !== number) })
              focusAt(at('need'))
            }}
          />
        </div>
      ))}
      {job.after.map((name, number) => (
        <div key={number} className="need" role="group" aria-label={`Wait ${number + 1}`}>
          <Field
            path={at('after', number)}
            label="Waits for"
            value={name}
            choices={names}
            problems={problems}
            set={(value) => set({ after: job.after.map((one, which) => (which === number ? value : one)) })}
          />
          <Remove
            means={`Wait for ${name || 'nobody'} no more`}
            act={() => {
              set({ after: job.after.filter((_, which) => which !== number) })
              focusAt(at('need'))
            }}
          />
        </div>
      ))}
      {needsOf(job).length === 0 ? <p className="note">Nothing: it begins at once.</p> : null}
      <p className="tools" id={idAt(at('need'))} tabIndex={-1}>
        <button type="button" className="plain" disabled={others.length === 0} onClick={take}>
          Take a file of a job
        </button>
        <button type="button" className="plain" disabled={waitable.length === 0} onClick={wait}>
          Wait for a job
        </button>
      </p>
    </fieldset>
  )
}

function Remove({ means, act }: { means: string; act: () => void }): ReactNode {
  return (
    <button type="button" className="plain tool" aria-label={means} title={means} onClick={act}>
      ✕
    </button>
  )
}
