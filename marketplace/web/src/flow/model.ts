/** A workflow as somebody is writing it. Numbers and amounts are the text that was typed, empty for what is the default:
 * what is wrong with it is kept and told (`problems.ts`), never lost. Graph, list and YAML are views of this alone. */
export interface Flow {
  readonly name: string
  /** USDC. */
  readonly cap: string
  readonly jobs: readonly Job[]
}

export interface Job extends Readonly<Record<TextField, string>>, Readonly<Record<ListField, readonly string[]>> {
  readonly env: readonly (readonly [name: string, value: string])[]
  readonly takes: readonly Taken[]
}

/** A file of another job: what its result calls it, and where this job finds it below `/in`. */
export interface Taken {
  readonly job: string
  readonly output: string
  readonly path: string
  readonly maxBytes: string
}

export const TEXTS = ['name', 'program', 'verify', 'maxPrice'] as const
export const NUMBERS = ['gpus', 'vcpus', 'memory', 'seconds', 'fuel', 'egress', 'replicas', 'retries', 'within'] as const
export const LISTS = ['inputs', 'args', 'after', 'regions'] as const
export type NumberField = (typeof NUMBERS)[number]
export type TextField = (typeof TEXTS)[number] | NumberField
export type ListField = (typeof LISTS)[number]

const EMPTY_TEXTS = Object.fromEntries([...TEXTS, ...NUMBERS].map((field) => [field, ''])) as Record<TextField, string>

export const EMPTY: Flow = { name: '', cap: '', jobs: [] }

export function newJob(given: Partial<Job> = {}): Job {
  return { ...EMPTY_TEXTS, inputs: [], args: [], after: [], regions: [], env: [], takes: [], ...given }
}

/** Names of the jobs that must be paid first, each once, in the order in which they are named. */
export function needsOf(job: Job): string[] {
  return [...new Set([...job.takes.map((one) => one.job), ...job.after])]
}

/** Another job at the end, under a name that no other has. */
export function addJob(flow: Flow, given: Partial<Job> = {}): Flow {
  const job = newJob({ program: 'job.py', maxPrice: '0.10', ...given })
  return { ...flow, jobs: [...flow.jobs, { ...job, name: freeName(flow, given.name || 'job') }] }
}

/** Change fields of one job; a new name is `renameJob`'s matter. */
export function changeJob(flow: Flow, index: number, change: Partial<Omit<Job, 'name'>>): Flow {
  return { ...flow, jobs: flow.jobs.map((job, at) => (at === index ? { ...job, ...change } : job)) }
}

/** Others that need the job follow to its new name, unless it is not clear which of two is meant. */
export function renameJob(flow: Flow, index: number, name: string): Flow {
  const before = flow.jobs[index]!.name
  const named = (wanted: string) => flow.jobs.filter((job) => job.name === wanted).length
  const renamed = flow.jobs.map((job, at) => (at === index ? { ...job, name } : job))
  if (named(before) > 1 || named(name) > 0) return { ...flow, jobs: renamed }
  const follow = (one: string) => (one === before ? name : one)
  const takes = (job: Job) => job.takes.map((one) => ({ ...one, job: follow(one.job) }))
  return { ...flow, jobs: renamed.map((job) => ({ ...job, after: job.after.map(follow), takes: takes(job) })) }
}

/** Without one job, and without what others took of it or waited for. */
export function removeJob(flow: Flow, index: number): Flow {
  const { name } = flow.jobs[index]!
  const left = { ...flow, jobs: flow.jobs.filter((_, at) => at !== index) }
  if (left.jobs.some((job) => job.name === name)) return left
  return { ...left, jobs: left.jobs.map((job) => without(job, name)) }
}

/** One place up (-1) or down (1) in the document; what is first there begins first where nothing else decides. */
export function moveJob(flow: Flow, index: number, by: -1 | 1): Flow {
  const to = index + by
  if (!flow.jobs[index] || !flow.jobs[to]) return flow
  const jobs = [...flow.jobs]
  ;[jobs[index], jobs[to]] = [jobs[to]!, jobs[index]!]
  return { ...flow, jobs }
}

/** Have one job wait for another; what needs it already stays as it is. */
export function connect(flow: Flow, from: string, to: string): Flow {
  const index = flow.jobs.findIndex((job) => job.name === to)
  const job = flow.jobs[index]
  if (!job || needsOf(job).includes(from)) return flow
  return changeJob(flow, index, { after: [...job.after, from] })
}

/** Have a job need another one no more, neither its files nor its end. */
export function disconnect(flow: Flow, from: string, to: string): Flow {
  return { ...flow, jobs: flow.jobs.map((job) => (job.name === to ? without(job, from) : job)) }
}

/** Have a job take a file of another. It waits for it by that alone. */
export function takeFile(flow: Flow, index: number, file: Partial<Taken> & { job: string }): Flow {
  const job = flow.jobs[index]!
  const taken = { output: '', path: '', maxBytes: '', ...file }
  return changeJob(flow, index, { takes: [...job.takes, taken], after: job.after.filter((one) => one !== file.job) })
}

function without(job: Job, name: string): Job {
  if (!needsOf(job).includes(name)) return job
  return { ...job, after: job.after.filter((one) => one !== name), takes: job.takes.filter((one) => one.job !== name) }
}

function freeName(flow: Flow, wanted: string): string {
  const taken = new Set(flow.jobs.map((job) => job.name))
  if (!taken.has(wanted)) return wanted
  let number = 2
  while (taken.has(`${wanted}-${number}`)) number += 1
  return `${wanted}-${number}`
}
