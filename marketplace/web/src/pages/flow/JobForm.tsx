import type { ReactNode } from 'react'

import { changeJob, LISTS, renameJob, type Flow, type Job, type NumberField, type TextField } from '../../flow/model'
import { LIMITS } from '../../flow/numbers'
import type { Path, Problem } from '../../flow/problems'
import type { Edit } from './edit'
import { Field, Lines } from './Field'
import { Needs } from './Needs'

export interface FormProps {
  flow: Flow
  index: number
  edit: Edit
  problems: readonly Problem[]
  focusAt: (path: Path) => void
}

const VERIFY = [
  { value: '', text: 'as hive run would choose' },
  { value: 'reexecute', text: 'reexecute: oracles run it again' },
  { value: 'replicate', text: 'replicate: replicas must agree' },
  { value: 'accept', text: 'accept: I take the result myself' },
]
const LABELS: Readonly<Record<NumberField, string>> = {
  retries: 'Retries after a failure',
  replicas: 'Replicas',
  seconds: 'Seconds it may run',
  within: 'Seconds an attempt may take in all',
  gpus: 'GPUs',
  vcpus: 'vCPUs',
  memory: 'Memory (MB)',
  fuel: 'Fuel (Gfuel)',
  egress: 'Egress (MB)',
}
const OTHERS = [
  ['inputs', 'Own files and folders, one a line'],
  ['args', 'Arguments, one a line'],
  ['regions', 'Regions, one a line; none is any'],
] as const satisfies readonly (readonly [(typeof LISTS)[number], string])[]

/** All that a job can say. */
export function JobForm(props: FormProps): ReactNode {
  const { flow, index, edit, problems } = props
  const job = flow.jobs[index]!
  const at = (field: string): Path => ['jobs', index, field]
  const set = (change: Partial<Omit<Job, 'name'>>, field: string) => edit((before) => changeJob(before, index, change), `jobs.${index}.${field}`)
  const text = (field: Exclude<TextField, 'name'>, label: string, placeholder = '') => (
    <Field
      key={field}
      path={at(field)}
      label={label}
      value={job[field]}
      problems={problems}
      placeholder={placeholder}
      set={(value) => set({ [field]: value }, field)}
    />
  )
  const number = (field: NumberField) => text(field, LABELS[field], LIMITS[field].usual === null ? 'seconds and 1,500' : String(LIMITS[field].usual))
  return (
    <div className="job-form">
      <Field path={at('name')} label="Name" value={job.name} problems={problems} isLate set={(name) => edit((before) => renameJob(before, index, name))} />
      {text('program', 'Program: a file beside the document, or an image')}
      <div className="pair">
        {text('maxPrice', 'At most, each replica (USDC)')}
        {number('retries')}
      </div>
      <Needs {...props} />
      <details>
        <summary>More: files, arguments, resources, verification</summary>
        {OTHERS.map(([field, label]) => (
          <Lines key={field} path={at(field)} label={label} lines={job[field]} problems={problems} set={(lines) => set({ [field]: lines }, field)} />
        ))}
        <Lines
          path={at('env')}
          label="Environment, NAME=value, one a line"
          lines={job.env.map(([name, value]) => `${name}=${value}`)}
          problems={problems}
          set={(lines) => set({ env: lines.map(variableOf) }, 'env')}
        />
        <div className="pair">{(['seconds', 'within', 'replicas', 'vcpus', 'gpus', 'memory', 'fuel', 'egress'] as const).map(number)}</div>
        <Field
          path={at('verify')}
          label="How its result is checked"
          value={job.verify}
          choices={VERIFY}
          problems={problems}
          set={(verify) => set({ verify }, 'verify')}
        />
      </details>
    </div>
  )
}

function variableOf(line: string): [name: string, value: string] {
  const cut = line.indexOf('=')
  return cut < 0 ? [line, ''] : [line.slice(0, cut), line.slice(cut + 1)]
}
