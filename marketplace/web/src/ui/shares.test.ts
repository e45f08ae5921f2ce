import { expect, test } from 'vitest'

import { formatShare } from './shares'

test.each([
  ['988197', '988197', '100 %'],
  ['999999', '1000000', '99.99 %'],
  ['1', '3', '33.33 %'],
  ['0', '5', '0.00 %'],
  ['0', '0', '100 %'],
])('%s of %s is %s', (part, whole, text) => expect(formatShare(part, whole)).toBe(text))
