import type { EIP1193Provider } from 'viem'
import { beforeEach, describe, expect, test, vi } from 'vitest'

import type { Announced } from './provider'
import { WalletStore } from './wallet'

const ONE = `0x${'11'.repeat(20)}` as const
const TWO = `0x${'22'.repeat(20)}` as const

/** A wallet that answers from a table, and tells its page what a test has it tell. */
function walletOf(answers: Record<string, unknown>): { wallet: Announced; tell: (event: string, value: unknown) => void; count: () => number } {
  const listeners = new Map<string, Set<(value: unknown) => void>>()
  const of = (event: string) => listeners.get(event) ?? listeners.set(event, new Set()).get(event)!
  const provider = {
    request: vi.fn(async ({ method }: { method: string }) => {
      const answer = answers[method]
      if (answer instanceof Error) throw answer
      return answer
    }),
    on: (event: string, listener: (value: unknown) => void) => of(event).add(listener),
    removeListener: (event: string, listener: (value: unknown) => void) => of(event).delete(listener),
  } as unknown as EIP1193Provider
  const tell = (event: string, value: unknown) => of(event).forEach((listener) => listener(value))
  const count = () => [...listeners.values()].reduce((total, one) => total + one.size, 0)
  return { wallet: { id: 'test', name: 'Test', icon: '', provider }, tell, count }
}

const GOOD = { eth_requestAccounts: [ONE], eth_accounts: [ONE], eth_chainId: '0x539' }

describe('a connection', () => {
  beforeEach(() => localStorage.clear())

  test('follows the wallet to its other accounts and chains', async () => {
    const store = new WalletStore()
    const { wallet, tell } = walletOf(GOOD)
    await store.connect(wallet)
    expect(store.state()).toMatchObject({ account: ONE, chainId: 1337, asking: null })
    tell('accountsChanged', [TWO])
    tell('chainChanged', '0x1')
    expect(store.state()).toMatchObject({ account: TWO, chainId: 1 })
    tell('disconnect', {})
    expect(store.state().chainId).toBeNull()
  })

  test('that ends leaves nothing that listens and nothing that is kept', async () => {
    const store = new WalletStore()
    const { wallet, tell, count } = walletOf(GOOD)
    await store.connect(wallet)
    expect(count()).toBe(3)
    tell('accountsChanged', [])
    expect(store.state()).toMatchObject({ account: null, wallet: null })
    expect([count(), localStorage.length]).toEqual([0, 0])
  })

  test('that is declined leaves the one before', async () => {
    const store = new WalletStore()
    await store.connect(walletOf(GOOD).wallet)
    await store.connect(walletOf({ eth_requestAccounts: Object.assign(new Error('no'), { code: 4001 }) }).wallet)
    expect(store.state().account).toBe(ONE)
    expect(store.state().error?.isDeclined).toBe(true)
  })

  test.each([{ eth_requestAccounts: 'nonsense' }, { eth_requestAccounts: [] }, {}])('is none with a wallet that answers %j', async (answers) => {
    const store = new WalletStore()
    await store.connect(walletOf(answers).wallet)
    expect(store.state()).toMatchObject({ account: null, asking: null })
  })
})

test('a watched account is shown, kept, and has nothing to sign with', () => {
  const store = new WalletStore()
  expect(store.watch('0x12')).toBe(false)
  expect(store.watch(ONE)).toBe(true)
  expect(store.state()).toMatchObject({ account: ONE, wallet: null })
  const later = new WalletStore()
  later.start()()
  expect(later.state().account).toBe(ONE)
})

describe('who signs', () => {
  beforeEach(() => localStorage.clear())

  test('is asked of the wallet at that moment', async () => {
    const store = new WalletStore()
    const answers: Record<string, unknown> = { ...GOOD }
    const { wallet } = walletOf(answers)
    await store.connect(wallet)
    await expect(store.signer(1337)).resolves.toMatchObject({ account: ONE, chainId: 1337 })
    answers['eth_accounts'] = [TWO]
    await expect(store.signer(1337)).rejects.toThrow('another account now')
  })

  test('is nobody on another chain, without a wallet, and for an account that is watched', async () => {
    const store = new WalletStore()
    await expect(store.signer(1337)).rejects.toThrow('Connect a wallet first')
    store.watch(ONE)
    await expect(store.signer(1337)).rejects.toThrow('only watched')
    await store.connect(walletOf(GOOD).wallet)
    await expect(store.signer(1)).rejects.toThrow('Your wallet is on chain 1337, this is for chain 1')
  })
})
