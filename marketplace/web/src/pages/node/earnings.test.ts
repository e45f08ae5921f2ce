import { expect, test } from 'vitest'

import { adviceOf, countFates, type BidView } from './bids'
import { sumUp } from './earnings'

const DAY = 86_400
const start = Date.UTC(2030, 0, 1) / 1000
const ended = (closedAt: number, paid: bigint, outcome = 'paid') => ({ closedAt, paid, outcome })

test('the hours are those of the clock since the first lease was opened, and each GPU has its share', () => {
  const found = sumUp([ended(start + 600, 6_000_000n), ended(start + DAY, 0n, 'failed')], { now: start + 2 * DAY, from: start - DAY, opened: start, gpus: 2 })
  expect(found).toMatchObject({ earned: 6_000_000n, leases: 2, paid: 1, since: start, perHour: 125_000n, perGpuHour: 62_500n })
  expect(found.days).toEqual([
    { day: '2030-01-01', leases: 1, earned: 6_000_000n },
    { day: '2030-01-02', leases: 1, earned: 0n },
  ])
})

test('before an hour is over nothing is said of an hour, and without a GPU nothing of one', () => {
  const young = sumUp([ended(start + 60, 5n)], { now: start + 3_599, from: start - DAY, opened: start, gpus: 1 })
  expect([young.perHour, young.perGpuHour]).toEqual([null, null])
  expect(sumUp([ended(start + 60, 5n)], { now: start + 3_600, from: start - DAY, opened: start, gpus: 0 })).toMatchObject({ perHour: 5n, perGpuHour: null })
})

test('what ended before the window does not count, nor do hours before it', () => {
  const found = sumUp([ended(start - 1, 7n), ended(start, 8n)], { now: start + 7_200, from: start, opened: start - DAY, gpus: 0 })
  expect(found).toMatchObject({ earned: 8n, leases: 1, since: start, perHour: 4n })
})

const view = (fate: string, quote: string | null, undercut: string | null) => ({ fate, quote, undercut }) as BidView

test('lower rates win what was lost by price, and nothing else', () => {
  const views = [view('won', '100', null), view('dear', '100', '10'), view('beaten', '100', '21'), view('unfit', null, null)]
  expect(adviceOf(views)).toEqual([
    { percent: 5, bids: 0 },
    { percent: 10, bids: 1 },
    { percent: 20, bids: 1 },
    { percent: 50, bids: 2 },
  ])
  expect(countFates([...views, view('won', '1', null)])[0]).toEqual(['won', 2])
})
