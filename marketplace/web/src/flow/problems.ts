import { LIMITS, microOf, problemOfNumber } from './numbers'
import { NUMBERS, type Flow, type Job } from './model'
import { findCircle } from './order'

export type Path = readonly (string | number)[]

/** What keeps a workflow from being run, at a place of its document. */
export interface Problem {
  /** As in the document: `['jobs', 0, 'vcpus']`. */
  readonly path: Path
  readonly message: string
}

export const MAX_BIDS = 64
const MAX_BYTES = 1_000_000_000
const LEAST_SLACK = 60
/** For a match, for verdicts and for settlement beside a job's own seconds, unless it says how much. */
export const SLACK = 1_500
const NAME = /^[a-z][a-z0-9-]{0,31}$/
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/
const OUTPUT = /^(out|log)\//
const PROGRAM = /\.(py|js|mjs|wasm|tar)$/i
const IMAGE = /^[^/@]+\/[^@:]+@sha256:[0-9a-f]{64}$/
const VERIFY = ['', 'reexecute', 'replicate', 'accept']

/** How many bids a job becomes: one, and one more for each retry. */
export function attemptsOf(job: Job): number {
  return Number(job.retries || 0) + 1
}

/** Micro-USDC that all may cost together; null where an amount or a number of replicas cannot be read. */
export function totalOf(flow: Flow): bigint | null {
  let total = 0n
  for (const job of flow.jobs) {
    const price = microOf(job.maxPrice)
    if (price === null || problemOfNumber('replicas', job.replicas)) return null
    total += price * BigInt(Math.trunc(Number(job.replicas || 1)))
  }
  return total
}

/** All that is wrong, in the order of the document. What `hive workflow run` refuses is found here too: a test holds both. */
export function problemsOf(flow: Flow): Problem[] {
  const found = flow.jobs.flatMap((job, index) => ofJob(flow, job).map(([rest, message]) => ({ path: ['jobs', index, ...rest], message })))
  return [...ofWhole(flow), ...found, ...ofCircle(flow)]
}

function ofWhole(flow: Flow): Problem[] {
  const found: Problem[] = []
  const say = (field: string, message: string) => found.push({ path: [field], message })
  if (flow.name.length > 120) say('name', 'Expected at most 120 characters.')
  if (flow.jobs.length === 0) say('jobs', 'There is no job yet. Add one.')
  const bids = flow.jobs.reduce((sum, job) => sum + (problemOfNumber('retries', job.retries) ? 1 : attemptsOf(job)), 0)
  if (bids > MAX_BIDS) say('jobs', `With all retries these are ${bids} bids; a workflow has at most ${MAX_BIDS}. Make it two, or retry less.`)
  if (flow.cap === '') return found
  const [cap, total] = [microOf(flow.cap), totalOf(flow)]
  if (cap === null) say('cap', 'Expected an amount of USDC such as 1.25.')
  else if (total !== null && total > cap) say('cap', 'The jobs may cost more together. Raise the cap, or lower maxPrice of some jobs.')
  return found
}

type Told = [rest: Path, message: string]

function ofJob(flow: Flow, job: Job): Told[] {
  const names = flow.jobs.map((one) => one.name)
  const found: Told[] = []
  const say = (message: string, ...rest: Path) => found.push([rest, message])
  if (!NAME.test(job.name)) say('Expected 1 to 32 lower-case letters, digits and dashes, a letter first.', 'name')
  else if (names.filter((one) => one === job.name).length > 1) say(`${job.name} is the name of another job too.`, 'name')
  const program = problemOfProgram(job.program)
  if (program) say(program, 'program')
  const price = microOf(job.maxPrice)
  if (price === null) say('Expected an amount of USDC such as 0.10.', 'maxPrice')
  else if (price === 0n) say('0 buys nothing. Name what it may cost in USDC.', 'maxPrice')
  if (!VERIFY.includes(job.verify)) say('Expected reexecute, replicate or accept, or nothing.', 'verify')
  for (const field of NUMBERS) {
    const message = problemOfNumber(field, job[field])
    if (message) say(message, field)
  }
  found.push(...ofTime(job), ...ofLists(job), ...ofNeeds(names, job))
  return found
}

function problemOfProgram(program: string): string | null {
  if (program.length > 1024) return 'Expected at most 1,024 characters.'
  if (program.includes('@sha256:')) return IMAGE.test(program) ? null : 'Expected an image as HOST[:PORT]/NAME@sha256:DIGEST, without a tag.'
  return PROGRAM.test(program) ? null : 'Expected a file .py, .js, .mjs, .wasm or .tar, or an image in a registry: HOST[:PORT]/NAME@sha256:DIGEST.'
}

function ofTime(job: Job): Told[] {
  if (problemOfNumber('seconds', job.seconds) || problemOfNumber('within', job.within) || job.within === '') return []
  const seconds = Number(job.seconds || LIMITS.seconds.usual)
  const isEnough = Number(job.within || seconds + SLACK) >= seconds + LEAST_SLACK
  return isEnough ? [] : [[['within'], `No time is left for a match and for verdicts beside its ${seconds} s. Say ${seconds + LEAST_SLACK} or more.`]]
}

function ofLists(job: Job): Told[] {
  const found: Told[] = []
  const each = (field: 'inputs' | 'regions' | 'args', isWrong: (one: string) => boolean, message: string) =>
    job[field].forEach((one, at) => isWrong(one) && found.push([[field, at], message]))
  each('inputs', (one) => one === '' || one.length > 1024, 'Expected a file or folder, at most 1,024 characters.')
  each('regions', (one) => one === '' || one.length > 64, 'Expected a region, at most 64 characters.')
  each('args', (one) => one.length > 4096, 'Expected at most 4,096 characters.')
  if (job.args.length > 256) found.push([['args'], 'Expected at most 256 of them.'])
  job.env.forEach(([name, value], at) => {
    const say = (message: string) => found.push([['env', name], message])
    if (!VARIABLE.test(name)) say('Expected a name of letters, digits and _, no digit first.')
    else if (value.length > 4096) say('Expected at most 4,096 characters.')
    else if (job.env.some(([other], before) => before < at && other === name)) say(`${name} is there twice.`)
  })
  return found
}

function ofNeeds(names: readonly string[], job: Job): Told[] {
  const found: Told[] = []
  const unknown = (name: string) => !names.includes(name)
  const said = (name: string) => `There is no job ${JSON.stringify(name)}. There are: ${names.join(', ')}.`
  job.after.forEach((name, at) => unknown(name) && found.push([['after', at], said(name)]))
  job.takes.forEach((file, at) => {
    const say = (field: string, message: string) => found.push([['takes', at, field], message])
    if (unknown(file.job)) say('job', said(file.job))
    if (!OUTPUT.test(file.output) || file.output.length > 1024) say('output', "Expected the file's name in that job's result: out/…, log/stdout or log/stderr.")
    const path = problemOfPath(file.path)
    if (path) say('path', path)
    else if (job.takes.some((other, before) => before < at && other.path === file.path)) say('path', `Two files are to lie at ${file.path}.`)
    const bytes = file.maxBytes === '' ? 0 : Number(file.maxBytes)
    if (!/^\d*$/.test(file.maxBytes) || bytes > MAX_BYTES) say('maxBytes', 'Expected whole bytes, at most 1,000,000,000.')
  })
  return found
}

function problemOfPath(path: string): string | null {
  const isRelative = !path.includes('\\') && !path.includes('\0') && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  if (path !== '' && isRelative && path.length <= 512) return null
  return 'Expected where this job finds it below /in, such as part.txt: no /, . or .. at its ends, at most 512 characters.'
}

function ofCircle(flow: Flow): Problem[] {
  const circle = new Set(flow.jobs.map((job) => job.name)).size === flow.jobs.length ? findCircle(flow.jobs) : null
  if (!circle) return []
  const index = flow.jobs.findIndex((job) => job.name === circle[0])
  const { after, takes } = flow.jobs[index]!
  const at = after.indexOf(circle[1]!)
  const rest = at >= 0 ? ['after', at] : ['takes', takes.findIndex((one) => one.job === circle[1]), 'job']
  const message = `These need each other in a circle: ${circle.join(' → ')} (each needs the next). Take one of these needs out.`
  return [{ path: ['jobs', index, ...rest], message }]
}
