import { expect, test } from 'vitest'

import { ratesOf } from '../../market/history'
import type { Round } from '../../market/queries'
import { chooseRounds } from '../../market/rounds'
import { readRound } from '../../replay/hashes'
import { recordedClaim } from '../../replay/recorded'
import { linesOf } from './lines'

const round = (number: number, matched: number, bids = 1): Round => ({ number, matched, bids, asks: 1 }) as Round

test('a class costs what its leases pay for what they hold and how long', async () => {
  const [rate, ...more] = ratesOf(await readRound(recordedClaim().transcript))
  expect(more).toEqual([])
  expect(rate).toMatchObject({ name: 'CPU', per: 'vCPU', leases: 1 })
  expect(rate!.micro).toBeCloseTo(11_803 * 60, 6) // one vCPU for a minute
})

test('rounds that leased nothing have no price, and big ones end how far is looked back', () => {
  expect(chooseRounds([round(9, 1), round(8, 0), round(7, 2), round(6, 1, 5_000), round(5, 1)]).map(({ number }) => number)).toEqual([9, 7])
})

test('each class has its line, with a gap where a round has no price of it', () => {
  const rate = (name: string, micro: number) => ({ name, per: 'GPU' as const, micro, leases: 1 })
  const found = [
    { number: 1, clearedAt: 0, rates: [rate('L4', 5), { name: 'CPU', per: 'vCPU' as const, micro: 1, leases: 1 }] },
    { number: 2, clearedAt: 1, rates: [{ name: 'CPU', per: 'vCPU' as const, micro: 2, leases: 1 }] },
    { number: 3, clearedAt: 2, rates: [rate('A100', 9), rate('L4', 6)] },
  ]
  expect(linesOf(found, 'GPU')).toEqual({ xs: [1, 3], lines: [{ name: 'A100', values: [null, 9] }, { name: 'L4', values: [5, 6] }] })
  expect(linesOf(found, 'vCPU')).toEqual({ xs: [1, 2], lines: [{ name: 'CPU', values: [1, 2] }] })
})
