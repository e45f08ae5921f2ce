import { expect, test } from 'vitest'

import { spansOf } from './spans'

test('every block from the first to the last is in one span, none in two, newest first', () => {
  expect(spansOf(10n, 21n, 5n)).toEqual([
    [17n, 21n],
    [12n, 16n],
    [10n, 11n],
  ])
})

test('one block is one span, and none is none', () => {
  expect(spansOf(7n, 7n, 5n)).toEqual([[7n, 7n]])
  expect(spansOf(8n, 7n, 5n)).toEqual([])
})
