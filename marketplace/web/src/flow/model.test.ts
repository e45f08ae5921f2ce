import { describe, expect, test } from 'vitest'

import { anyFlow, randomOf } from './any'
import { edited, historyOf, redone, undone } from './history'
import { addJob, changeJob, connect, disconnect, EMPTY, moveJob, needsOf, removeJob, renameJob, takeFile, type Flow } from './model'
import { microOf, problemOfNumber } from './numbers'
import { columnsOf, findCircle, NODE, othersFor, placesOf } from './order'
import { problemsOf, totalOf } from './problems'
import { TEMPLATES } from './templates'

const WORDS = TEMPLATES[0]!.flow
const named = (flow: Flow) => flow.jobs.map((job) => job.name)
const needs = (flow: Flow) => flow.jobs.map(needsOf)
const messages = (flow: Flow) => problemsOf(flow).map(({ path, message }) => `${path.join('.')}: ${message}`)

describe('an edit', () => {
  test('of a name is followed by all that need the job', () => {
    const flow = renameJob(WORDS, 0, 'cut')
    expect(needs(flow)).toEqual([[], ['cut'], ['cut'], ['count-a', 'count-b']])
    expect(problemsOf(flow)).toEqual([])
  })

  test('to a name that another job has leaves both jobs and all needs as they are', () => {
    const flow = renameJob(WORDS, 1, 'count-b')
    expect(needs(flow)).toEqual(needs(WORDS))
    expect(messages(flow).join()).toContain('jobs.1.name: count-b is the name of another job too')
    expect(needs(renameJob(flow, 1, 'count-a'))).toEqual(needs(WORDS))
  })

  test('that removes a job takes it out of what needs it', () => {
    expect(needs(removeJob(WORDS, 0))).toEqual([[], [], ['count-a', 'count-b']])
  })

  test('that moves a job keeps all of them, and does nothing at an end', () => {
    expect(named(moveJob(WORDS, 0, 1))).toEqual(['count-a', 'split', 'count-b', 'join'])
    expect(moveJob(WORDS, 0, -1)).toBe(WORDS)
    expect(moveJob(WORDS, 3, 1)).toBe(WORDS)
  })

  test('that connects two jobs makes one wait, once', () => {
    const flow = connect(connect(addJob(WORDS), 'join', 'job'), 'join', 'job')
    expect(needs(flow).at(-1)).toEqual(['join'])
    expect(connect(WORDS, 'split', 'count-a')).toBe(WORDS)
    expect(needs(disconnect(flow, 'join', 'job')).at(-1)).toEqual([])
    expect(needs(disconnect(WORDS, 'count-a', 'join')).at(-1)).toEqual(['count-b'])
  })

  test('that takes a file of a job has it wait for that alone', () => {
    const flow = takeFile(connect(addJob(WORDS), 'join', 'job'), 4, { job: 'join', output: 'out/x', path: 'x' })
    expect(flow.jobs[4]).toMatchObject({ after: [], takes: [{ job: 'join', output: 'out/x', path: 'x' }] })
  })

  test('adds jobs under names of their own', () => {
    expect(named(addJob(addJob(addJob(EMPTY)), { name: 'split' }))).toEqual(['job', 'job-2', 'split'])
  })
})

test('what was edited can be taken back and done again, letters of one field together', () => {
  const after = ['a', 'ab', 'abc'].reduce((history, name) => edited(history, { ...history.now, name }, 'name'), historyOf(WORDS))
  const added = edited(after, addJob(after.now))
  expect(undone(added).now).toBe(after.now)
  expect(undone(undone(added)).now).toBe(WORDS)
  expect(undone(undone(undone(added))).now).toBe(WORDS)
  expect(redone(redone(undone(undone(added)))).now).toBe(added.now)
  expect(edited(undone(added), EMPTY).future).toEqual([])
})

describe('what is wrong is told where it is', () => {
  const one = (change: object) => changeJob(WORDS, 1, change)
  const file = WORDS.jobs[1]!.takes[0]!
  test.each([
    [{ ...WORDS, jobs: [] }, 'jobs: There is no job yet'],
    [{ ...WORDS, cap: '0.39' }, 'cap: The jobs may cost more together'],
    [{ ...WORDS, cap: 'much' }, 'cap: Expected an amount'],
    [one({ after: ['nobody'] }), 'jobs.1.after.0: There is no job "nobody"'],
    [one({ takes: [{ ...file, job: '' }] }), 'jobs.1.takes.0.job: There is no job ""'],
    [one({ takes: [{ ...file, output: '' }] }), 'jobs.1.takes.0.output: Expected the file'],
    [one({ takes: [{ ...file, path: '../x' }] }), 'jobs.1.takes.0.path: Expected where'],
    [one({ takes: [file, file] }), 'jobs.1.takes.1.path: Two files are to lie at part.txt'],
    [one({ vcpus: 'two' }), 'jobs.1.vcpus: Expected a whole number from 1 to 65,535'],
    [one({ vcpus: '1.5' }), 'jobs.1.vcpus'],
    [one({ fuel: '0' }), 'jobs.1.fuel: Expected a number above 0'],
    [one({ within: '301' }), 'jobs.1.within: No time is left'],
    [one({ maxPrice: '0' }), 'jobs.1.maxPrice: 0 buys nothing'],
    [one({ program: 'count' }), 'jobs.1.program: Expected a file'],
    [one({ program: 'example.org/tool:1@sha256:00' }), 'jobs.1.program: Expected an image'],
    [one({ verify: 'attested' }), 'jobs.1.verify'],
    [one({ env: [['1A', '']] }), 'jobs.1.env.1A'],
    [one({ retries: '8' }), 'jobs.1.retries: Expected a whole number from 0 to 7'],
    [connect(WORDS, 'join', 'split'), 'jobs.0.after.0: These need each other in a circle: split → join → count-a → split'],
    [connect(WORDS, 'split', 'split'), 'circle: split → split'],
    [takeFile(WORDS, 0, { job: 'join', output: 'out/x', path: 'x' }), 'jobs.0.takes.0.job: These need each other in a circle'],
    [Array.from({ length: 9 }).reduce<Flow>((flow) => addJob(flow, { retries: '7' }), EMPTY), 'jobs: With all retries these are 72 bids'],
  ])('%#', (flow, message) => expect(messages(flow).join('\n')).toContain(message))
})

test.each([
  ['0.10', 100_000n],
  [' 1 USDC ', 1_000_000n],
  ['1e-6', 1n],
  ['.5', 500_000n],
  ['1e2', 100_000_000n],
  ['18446744073709.551615', 2n ** 64n - 1n],
  ['18446744073709.551616', null],
  ['0.0000001', null],
  ['-1', null],
  ['', null],
  ['.', null],
  ['1,5', null],
])('the amount %j is %s micro-USDC', (text, micro) => expect(microOf(text)).toBe(micro))

test('what all jobs may cost counts replicas, not retries', () => {
  expect(totalOf(WORDS)).toBe(400_000n)
  expect(totalOf(changeJob(WORDS, 0, { replicas: '3' }))).toBe(600_000n)
  expect(totalOf(changeJob(WORDS, 0, { replicas: 'x' }))).toBeNull()
  expect(problemOfNumber('replicas', '256')).not.toBeNull()
})

test('in every graph jobs stand right of all that they need and no two on each other, also where there are circles', () => {
  for (let seed = 1; seed <= 100; seed += 1) {
    const flow = anyFlow(randomOf(seed), false)
    const vertices = flow.jobs.map((job) => ({ name: job.name, needs: needsOf(job) }))
    const columns = columnsOf(vertices)
    for (const { name, needs: before } of vertices) for (const one of before) expect(columns.get(one)).toBeLessThan(columns.get(name)!)
    expect(findCircle(flow.jobs)).toBeNull()
    const closed = vertices.map((one, at) => (at === 0 ? { ...one, needs: vertices.map(({ name }) => name) } : one))
    for (const places of [placesOf(vertices), placesOf(closed)]) {
      const found = [...places.values()]
      expect(found).toHaveLength(vertices.length)
      found.forEach((one, at) => found.slice(at + 1).forEach((other) => expect(one.x !== other.x || Math.abs(one.y - other.y) > NODE.height).toBe(true)))
    }
  }
})

test('a job is offered those others that it can need without a circle, those first that it does not need yet', () => {
  expect(WORDS.jobs.map((_, at) => othersFor(WORDS, at))).toEqual([[], ['count-b', 'split'], ['count-a', 'split'], ['split', 'count-a', 'count-b']])
  for (let seed = 1; seed <= 50; seed += 1) {
    const flow = anyFlow(randomOf(seed), false)
    flow.jobs.forEach((job, at) => othersFor(flow, at).forEach((one) => expect(findCircle(connect(flow, one, job.name).jobs)).toBeNull()))
  }
})
