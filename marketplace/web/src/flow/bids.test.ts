import { expect, test } from 'vitest'

import vector from '../../../../tests/data/web_workflow.json'
import { digestOf } from '../orders/spec'
import { buildFlow } from './bids'
import { fileName, filesOf, problemOfFiles, readyJobs } from './files'
import { EMPTY, newJob } from './model'
import { problemsOf } from './problems'
import { readYaml } from './yaml'

const RUNTIME = `0x${vector.runtime.repeat(32)}`

async function given() {
  const files = Object.entries(vector.files).map(async ([path, text]) => {
    const bytes = new TextEncoder().encode(text)
    return [fileName(path), { path: fileName(path), bytes, digest: await digestOf(bytes) }] as const
  })
  return new Map(await Promise.all(files))
}

test('every bid of a workflow is that of the SDK, in the same order', async () => {
  const flow = readYaml(vector.document).flow!
  expect(problemsOf(flow)).toEqual([])
  const ready = readyJobs(flow, await given(), { python: RUNTIME, javascript: RUNTIME })
  const { renter, market } = vector.bids[0]!.bid
  expect(buildFlow(flow, ready, { renter, market, firstSalt: vector.salt, now: vector.now })).toEqual(vector.bids)
})

test('each file is asked for once, by the name that a browser sees', () => {
  const flow = { ...EMPTY, jobs: [newJob({ program: 'a/x.py', inputs: ['d.csv'] }), newJob({ program: 'y.py', inputs: ['d.csv'] })] }
  expect(filesOf(flow)).toEqual(['a/x.py', 'd.csv', 'y.py'])
  expect(problemOfFiles(flow)).toBe(null)
})

test('files that a browser cannot tell apart, and images of registries, are refused', () => {
  const two = { ...EMPTY, jobs: [newJob({ name: 'one', program: 'a/x.py' }), newJob({ name: 'two', program: 'b/x.py' })] }
  expect(problemOfFiles(two)).toContain('Two different files are called x.py')
  const image = { ...EMPTY, jobs: [newJob({ name: 'one', program: `registry.example.org/tool@sha256:${'0'.repeat(64)}` })] }
  expect(problemOfFiles(image)).toContain('one runs an image of a registry')
})

test('a program that no machine runs is told with its job', async () => {
  const flow = { ...EMPTY, jobs: [newJob({ name: 'one', program: 'count.py' })] }
  const files = await given()
  expect(() => readyJobs(flow, files, {})).toThrow('one: No machine of this market runs count.py.')
})
