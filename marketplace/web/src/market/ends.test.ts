import { expect, test } from 'vitest'

import { endedSince } from './ends'

const NOW = [
  { jobId: 'a', state: 'paid' },
  { jobId: 'b', state: 'paid' },
  { jobId: 'c', state: 'running' },
  { jobId: 'new', state: 'failed' },
]

test('a job is news once: when it is over and was not at the last look', () => {
  const before = new Map([['a', 'running'], ['b', 'paid'], ['c', 'queued']])
  expect(endedSince(before, NOW).map(({ jobId }) => jobId)).toEqual(['a', 'new'])
})

test('what the first look finds is no news', () => {
  expect(endedSince(null, NOW)).toEqual([])
})
