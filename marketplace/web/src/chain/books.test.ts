import { beforeEach, describe, expect, test } from 'vitest'

import { changedContracts, keepBook, keptBook } from './books'

const URL = 'https://market.example'
const NAMES = ['USDC', 'Escrow', 'Messages', 'ProviderStake', 'OracleCommittee', 'Reputation', 'PaymentChannels', 'ModuleRegistry', 'Prepaid', 'Timelock']
const ESCROW = `0x${'02'.repeat(20)}`
const TOLD = {
  chainId: 1337,
  contracts: Object.fromEntries(NAMES.map((name, place) => [name, `0x${String(place + 1).padStart(2, '0').repeat(20)}`])),
  deployedAtBlock: 7,
  rpcUrl: 'https://node.example',
  domain: { verifyingContract: ESCROW },
}

describe('the address book of a market', () => {
  beforeEach(() => localStorage.clear())

  test('is there when the market no longer answers, with the node it named', () => {
    expect(keptBook(URL)).toBeNull()
    expect(keepBook(URL, TOLD)).toBe(true)
    const kept = keptBook(URL)
    expect(kept?.rpcUrl).toBe('https://node.example')
    expect(kept?.book.chainId).toBe(1337)
    expect(kept?.book.deployedAtBlock).toBe(7)
    expect(kept?.book.contracts.Escrow).toBe(ESCROW)
    expect(keptBook('https://other.example')).toBeNull()
  })

  test('is not replaced by one whose escrow is not what orders are signed for, or which is none', () => {
    keepBook(URL, TOLD)
    expect(keepBook(URL, { ...TOLD, deployedAtBlock: 8, domain: { verifyingContract: `0x${'Ab'.repeat(20)}` } })).toBe(false)
    expect(keepBook(URL, { ...TOLD, deployedAtBlock: 8, contracts: {} })).toBe(false)
    expect(keptBook(URL)?.book.deployedAtBlock).toBe(7)
  })

  test('is not replaced by one that has other contracts around the same escrow, which are named', () => {
    keepBook(URL, TOLD)
    const other = { ...TOLD, contracts: { ...TOLD.contracts, ModuleRegistry: `0x${'ff'.repeat(20)}` } }
    expect(changedContracts(URL, other)).toEqual(['ModuleRegistry'])
    expect(keepBook(URL, other)).toBe(false)
    expect(keptBook(URL)?.book.contracts.ModuleRegistry).toBe(TOLD.contracts['ModuleRegistry'])
    expect(changedContracts(URL, TOLD)).toEqual([])
  })

  test('names no node that is not http', () => {
    keepBook(URL, { ...TOLD, rpcUrl: 'javascript:alert(1)' })
    expect(keptBook(URL)?.rpcUrl).toBeNull()
  })

  test.each(['{', 'null', '[]', `{"${URL}":null}`, `{"${URL}":{"book":{}}}`])('is as if it had not been kept where it cannot be read: %s', (text) => {
    localStorage.setItem('computehive.books', text)
    expect(keptBook(URL)).toBeNull()
  })
})
