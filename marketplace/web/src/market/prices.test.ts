import { expect, test } from 'vitest'

import { pricesByClass } from './prices'
import type { Offer } from './queries'

function offer(rate: number, gpus: string[] = [], more: Partial<Offer> = {}): Offer {
  const ask = { vcpuHourRate: rate, gpuHourRate: rate } as NonNullable<Offer['ask']>
  return { ask, gpus, status: 'alive', units: 2, freeUnits: 1, ...more } as Offer
}

test('CPUs come first, then GPUs by name, each with its cheapest and its median rate', () => {
  const found = pricesByClass([offer(30, ['NVIDIA L4']), offer(7), offer(5), offer(9), offer(1, ['NVIDIA A100'])])
  expect(found.map((one) => [one.name, one.cheapest, one.median, one.free, one.units, one.per])).toEqual([
    ['CPU', 5n, 7n, 3, 6, 'vCPU'],
    ['NVIDIA A100', 1n, 1n, 1, 2, 'GPU'],
    ['NVIDIA L4', 30n, 30n, 1, 2, 'GPU'],
  ])
})

test('of an even number the lower of the two in the middle is the median: a rate that somebody offers', () => {
  expect(pricesByClass([offer(1), offer(2), offer(10), offer(20)])[0]!.median).toBe(2n)
})

test('machines that are silent or have no ask are no offer', () => {
  expect(pricesByClass([offer(1, [], { status: 'dead' }), offer(1, [], { ask: null } as unknown as Partial<Offer>)])).toEqual([])
})
