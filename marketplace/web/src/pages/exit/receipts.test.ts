import { expect, test } from 'vitest'

import { isDigest } from './receipts'

test('a digest is 0x and 64 hex digits, none less and none more, and not zero', () => {
  expect(isDigest(`0x${'5a'.repeat(32)}`)).toBe(true)
  for (const text of [`0x${'5'.repeat(63)}`, `0x${'5'.repeat(65)}`, `0x${'0'.repeat(64)}`, `0x${'g'.repeat(64)}`, '5a'.repeat(32), '']) expect(isDigest(text)).toBe(false)
})
