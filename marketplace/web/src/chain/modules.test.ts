import { expect, test } from 'vitest'

import { isName, parseVersion } from './modules'

test('a name is 3 to 32 characters of a to z and 0 to 9, with single hyphens inside', () => {
  expect(['abc', 'word-count', 'a1b', 'x'.repeat(32)].every(isName)).toBe(true)
  expect(['ab', 'x'.repeat(33), '-abc', 'abc-', 'a--b', 'Abc', 'a_b', 'äbc', '../x'].some(isName)).toBe(false)
})

test('a version is three numbers of 64 bits, not all zero, without leading zeros', () => {
  expect(parseVersion('1.20.0')).toEqual({ major: 1n, minor: 20n, patch: 0n })
  expect(parseVersion('18446744073709551615.0.0')?.major).toBe(2n ** 64n - 1n)
  for (const wrong of ['1.2', '1.2.3.4', '01.2.3', '0.0.0', '-1.2.3', '18446744073709551616.0.0', 'a.b.c', '']) expect(parseVersion(wrong)).toBe(null)
})
