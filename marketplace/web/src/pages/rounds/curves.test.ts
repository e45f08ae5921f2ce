import { expect, test } from 'vitest'

import { openBook } from '../../replay/book'
import { readRound } from '../../replay/hashes'
import { recordedClaim } from '../../replay/recorded'
import { corners, curvesOf, extentOf, marksUpTo, type Step } from './curves'
import { formatDuration, machineOfAsk, reservedBy, viewOf } from './rows'

const step = (amount: number, micro: number): Step => ({ hash: '', label: '', amount, micro, isServed: false })

test('a round of one job on one machine has one step on each side, in prices of a vCPU and hour', async () => {
  const [curves, ...more] = curvesOf(openBook(await readRound(recordedClaim().transcript)))
  expect(more).toEqual([])
  // One vCPU for a minute: the bid allows 1 USDC, so 60 an hour; the quote of 0.011803 is 0.70818.
  expect(curves!.demand).toMatchObject([{ amount: 1, micro: 60_000_000, isServed: true }])
  expect(curves!.supply).toMatchObject([{ amount: 4, isServed: true, label: 'eu' }])
  expect(curves!.supply[0]!.micro).toBeCloseTo(708_180, 3)
  expect(curves!.paid).toBeCloseTo(708_180, 3)
})

test('each order is as wide as what it has, one after another', () => {
  expect(corners([step(2, 9), step(1, 5)])).toEqual([[0, 9], [2, 9], [2, 5], [3, 5]])
  expect(corners([step(2, 9), step(1, 5), step(1, 4)], 2.5)).toEqual([[0, 9], [2, 9], [2, 5], [2.5, 5]])
})

test('one absurd bid does not hide what others pay', () => {
  const curves = { per: 'vCPU', demand: [step(1, 1e9), step(1, 100)], supply: [step(5, 80)], paid: 80 } as const
  expect(extentOf(curves)).toEqual({ amount: 5, micro: 300, isCut: true })
  expect(extentOf({ ...curves, demand: [step(1, 120), step(1, 100)] })).toEqual({ amount: 5, micro: 120, isCut: false })
})

test.each([
  [0, [0, 1]],
  [4, [0, 1, 2, 3, 4]],
  [708_180, [0, 200_000, 400_000, 600_000, 800_000]],
  [7, [0, 2, 4, 6, 8]],
])('the marks of an axis up to %s are %j', (most, marks) => expect(marksUpTo(most)).toEqual(marks))

test('what was left out and what is free is in a round as it is shown', async () => {
  const { transcript } = recordedClaim()
  const view = viewOf(await readRound({ ...transcript, matches: [] }))
  expect(view.bids.map(({ leases }) => leases.length)).toEqual([0])
  expect(view.asks.map(({ rent, shadowPrice }) => [rent, shadowPrice])).toEqual([[0n, null]])
})

test('orders are told in the units that people use', () => {
  const { bids, asks } = recordedClaim().transcript
  expect(reservedBy(bids[0]!.bid)).toBe('1 vCPU, 512 MB, 1 min')
  expect(machineOfAsk(asks[0]!)).toBe('4 vCPUs, 8.2 GB')
  expect([0, 59, 3_600, 5_461].map(formatDuration)).toEqual(['0 s', '59 s', '1 h', '1 h 31 min 1 s'])
})
