import { expect, test } from 'vitest'

import { rateOf } from './units'

test('a rate over a longer time is exact at any size', () => {
  expect(rateOf('9007199254740993', { per: 'month', clock: 'local' })).toBe(9007199254740993n * 730n)
  expect(rateOf(3n, { per: 'day', clock: 'UTC' })).toBe(72n)
})

test('a mean is rounded after it was brought to its time, not before', () => {
  expect(rateOf(0.4, { per: 'day', clock: 'local' })).toBe(10n)
  expect(rateOf(0.4, { per: 'hour', clock: 'local' })).toBe(0n)
})
