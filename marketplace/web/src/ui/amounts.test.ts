import { describe, expect, test } from 'vitest'

import { formatSeconds, formatUsdc, parseUsdc, shorten } from './amounts'

describe('amounts', () => {
  test.each([
    [0, '0.00'],
    ['11803', '0.011803'],
    [1_500_000, '1.50'],
    [1_000_000_000_000n, '1,000,000.00'],
    ['-5927', '−0.005927'],
    ['115792089237316195423570985008687907853269984665640564039457', '115,792,089,237,316,195,423,570,985,008,687,907,853,269,984,665,640,564.039457'],
  ])('%s micro-USDC are written exactly as %s', (micro, text) => expect(formatUsdc(micro)).toBe(text))

  test.each(['0', '0.000001', '12.5', '999999999999999.999999'])('%s is read as what it is written as', (text) => {
    expect(Number(formatUsdc(parseUsdc(text)!).replaceAll(',', ''))).toBe(Number(text))
  })

  test.each(['', '-1', '1e3', '0.0000001', '1,5', 'NaN', '0x10', ' '])('%j is no amount', (text) => {
    expect(parseUsdc(text)).toBeNull()
  })

  test.each([[0, '0 s'], [59, '59 s'], [61, '1 min'], [7_300, '2 h'], [200_000, '2 d']])('%s seconds are %s', (seconds, text) =>
    expect(formatSeconds(seconds)).toBe(text))

  test('a hash shows its two ends', () => expect(shorten(`0x${'ab'.repeat(32)}`)).toBe('0xabab…abab'))
})
