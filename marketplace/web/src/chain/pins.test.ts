import { beforeEach, describe, expect, test } from 'vitest'

import { comparePin, savePin, type Pin } from './pins'

const URL = 'https://market.example'
const PIN: Pin = { chainId: 1337, escrow: `0x${'Ee'.repeat(20)}`, market: `0x${'7e'.repeat(20)}` }

describe('what a market says of itself', () => {
  beforeEach(() => localStorage.clear())

  test('is new at first, and known at every visit after', () => {
    expect(comparePin(URL, PIN).kind).toBe('new')
    savePin(URL, PIN)
    expect(comparePin(URL, PIN).kind).toBe('known')
    expect(comparePin(URL, { ...PIN, escrow: PIN.escrow.toLowerCase() }).kind).toBe('known')
  })

  test.each([
    ['escrow', `0x${'Ab'.repeat(20)}`],
    ['market', `0x${'Ab'.repeat(20)}`],
    ['chainId', 1],
  ] as const)('is not what it was where its %s is another', (field, value) => {
    savePin(URL, PIN)
    expect(comparePin(URL, { ...PIN, [field]: value })).toEqual({ kind: 'changed', fields: [field], before: PIN })
  })

  test('is kept for each market by itself', () => {
    savePin(URL, PIN)
    expect(comparePin('https://other.example', { ...PIN, chainId: 1 }).kind).toBe('new')
  })

  test('is new where what was kept cannot be read', () => {
    localStorage.setItem('computehive.pins', '{')
    expect(comparePin(URL, PIN).kind).toBe('new')
  })
})
