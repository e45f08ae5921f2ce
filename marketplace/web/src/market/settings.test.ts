import { beforeEach, expect, test } from 'vitest'

import { DEFAULTS, loadSettings, saveSettings, urlOf } from './settings'

beforeEach(() => localStorage.clear())

test('what was chosen is there at the next visit', () => {
  const chosen = { marketUrl: 'https://market.example', rpcUrl: 'http://127.0.0.1:8545', theme: 'dark', units: { per: 'day', clock: 'UTC' }, tells: true } as const
  saveSettings(chosen)
  expect(loadSettings()).toEqual(chosen)
})

test.each(['{', 'null', '[]', '"x"', '{"theme":"pink","marketUrl":"javascript:alert(1)","rpcUrl":7}', '{"units":{"per":"toString","clock":1},"tells":"yes"}', '{"units":null}'])(
  'kept text %s is as if nothing had been kept',
  (text) => {
    localStorage.setItem('computehive.settings', text)
    expect(loadSettings()).toEqual(DEFAULTS)
  },
)

test.each([
  ['https://market.example/', 'https://market.example'],
  ['http://[::1]:8545', 'http://[::1]:8545'],
  ['ftp://market.example', null],
  ['javascript:alert(1)', null],
  ['market.example', null],
  ['', null],
])('%j is the address %j', (text, url) => expect(urlOf(text)).toBe(url))
