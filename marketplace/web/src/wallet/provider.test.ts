import { describe, expect, test } from 'vitest'

import { accountsOf, chainIdOf, walletErrorOf } from './provider'

const ADDRESS = `0x${'aB'.repeat(20)}`

describe('what a wallet answers', () => {
  test.each([
    [[ADDRESS], [ADDRESS]],
    [[ADDRESS, 7, null, '0x12', `${ADDRESS}00`], [ADDRESS]],
    [null, []],
    ['0x', []],
    [{ 0: ADDRESS, length: 1 }, []],
  ])('%j has the accounts %j', (answer, accounts) => expect(accountsOf(answer)).toEqual(accounts))

  test.each([
    ['0x539', 1337],
    [1337, 1337],
    ['1337', 1337],
    ['', null],
    ['0x', null],
    ['chain', null],
    [{}, null],
    [-1, null],
    [1.5, null],
  ])('%j is chain %j', (answer, chainId) => expect(chainIdOf(answer)).toBe(chainId))
})

describe('what a wallet throws', () => {
  test('is told by its code, however deep it is wrapped', () => {
    const found = walletErrorOf({ message: 'Internal JSON-RPC error.', data: { cause: { code: 4001, message: 'User rejected' } } })
    expect(found.isDeclined).toBe(true)
    expect(found.message).toContain('You declined')
  })

  test.each([undefined, null, 'no', {}, { code: 'x' }])('%j is an error that says at least that it failed', (thrown) => {
    expect(walletErrorOf(thrown).message).toBe('Your wallet failed without saying why.')
  })

  test('keeps its own words where its code is unknown', () => {
    expect(walletErrorOf(new Error('the ledger is locked')).message).toBe('the ledger is locked')
  })
})
