import { beforeEach, describe, expect, it } from 'vitest'
import { parseSiweMessage } from 'viem/siwe'

import { isAllowed, keepVisit, keptVisit, messageOf } from './access'

const ACCOUNT = '0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF'
const OTHER = '0x6813Eb9362372EEF6200f3b1dbC3f819671cBA69'
const MARKET = 'http://127.0.0.1:8000'

describe('where one may sign in from', () => {
  it.each([
    ['a host by its name, at any port', ['localhost'], true],
    ['a host at its port', ['localhost:3000'], true],
    ['no other port', ['localhost:3001'], false],
    ['no other host', ['example.org'], false],
    ['nowhere, where the market names none', [], false],
  ])('%s', (_, domains, expected) => {
    expect(isAllowed({ host: 'localhost:3000', hostname: 'localhost' }, domains)).toBe(expected)
  })
})

it('signs in with a message of EIP-4361 that names this page, this chain and the nonce of the market', () => {
  const nonce = { nonce: '006b49d4594523540f1504cd17100c48', chainId: 1337, expiresAt: 0, domains: [] }
  const text = messageOf(ACCOUNT, nonce, { host: 'localhost:3000', origin: 'http://localhost:3000' }, new Date(0))
  expect(parseSiweMessage(text)).toMatchObject({
    address: ACCOUNT,
    chainId: 1337,
    domain: 'localhost:3000',
    nonce: nonce.nonce,
    uri: 'http://localhost:3000/',
  })
})

describe('a kept visit', () => {
  beforeEach(() => {
    sessionStorage.clear()
    keepVisit(MARKET, { account: ACCOUNT, token: 'chs_1', expiresAt: 100 })
  })

  it('is found again by its account at its market', () => expect(keptVisit(MARKET, ACCOUNT, 99)?.token).toBe('chs_1'))
  it('is over when it has expired', () => expect(keptVisit(MARKET, ACCOUNT, 100)).toBeNull())
  it("is not another account's", () => expect(keptVisit(MARKET, OTHER, 1)).toBeNull())
  it('is not sent to another market', () => expect(keptVisit('http://127.0.0.1:9000', ACCOUNT, 1)).toBeNull())
  it('is gone once it was ended', () => {
    keepVisit(MARKET, null)
    expect(keptVisit(MARKET, ACCOUNT, 1)).toBeNull()
  })
  it('is none where the storage holds nonsense', () => {
    sessionStorage.setItem(`computehive.visit:${MARKET}`, '{"token": 7')
    expect(keptVisit(MARKET, ACCOUNT, 1)).toBeNull()
  })
})
