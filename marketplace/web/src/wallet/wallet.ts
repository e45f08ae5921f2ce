import { numberToHex, type Address, type EIP1193Provider } from 'viem'

import { watchWallets } from './discovery'
import { accountsOf, chainIdOf, walletErrorOf, WalletError, type Announced } from './provider'
import type { Signer } from './signing'

/** Whose pages are shown, and who signs for them. */
export interface WalletState {
  /** Wallets that are there, in the order in which they announced themselves. */
  readonly found: readonly Announced[]
  /** The one in use; null where nobody is connected, and where an account is only watched. */
  readonly wallet: Announced | null
  readonly account: Address | null
  /** Where the wallet is now, which is not always where it said a moment ago: asked of it at every change. */
  readonly chainId: number | null
  /** What the wallet's window is open for. */
  readonly asking: 'connect' | 'switch' | null
  readonly error: WalletError | null
}

export interface Chain {
  readonly chainId: number
  readonly name: string
  readonly rpcUrl: string
}

const NOBODY: WalletState = { found: [], wallet: null, account: null, chainId: null, asking: null, error: null }
const LAST = 'computehive.wallet'
const WATCHED = 'watched:'
const UNKNOWN_CHAIN = 4902

/** One page's connection to a wallet. What it was connected to is found again at the next visit, without a question. */
export class WalletStore {
  #state = NOBODY
  #listeners = new Set<() => void>()
  #leave: () => void = () => {}

  constructor(private readonly storage: Storage = localStorage) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  readonly state = (): WalletState => this.#state

  /** Look for wallets, and take up the last connection. Returns what ends that. */
  start(): () => void {
    const last = this.storage.getItem(LAST)
    if (last?.startsWith(WATCHED)) this.watch(last.slice(WATCHED.length))
    const stop = watchWallets((found) => {
      this.#set({ found })
      const known = found.find((one) => one.id === this.storage.getItem(LAST))
      if (known && !this.#state.wallet) void this.#use(known, 'eth_accounts')
    })
    return () => {
      stop()
      this.#leave()
    }
  }

  /** Ask a wallet for its accounts. */
  async connect(wallet: Announced): Promise<void> {
    this.#set({ asking: 'connect', error: null })
    await this.#use(wallet, 'eth_requestAccounts')
    this.#set({ asking: null })
  }

  /** Show an account's pages without being able to sign for it. False where `address` is none. */
  watch(address: string): boolean {
    const [account] = accountsOf([address])
    if (!account) return false
    this.#forget()
    this.#set({ account })
    this.storage.setItem(LAST, WATCHED + account)
    return true
  }

  disconnect(): void {
    this.#forget()
    this.storage.removeItem(LAST)
  }

  /** Ask the wallet to go to a chain, which it is told of where it does not know it. */
  async goTo(chain: Chain): Promise<void> {
    const provider = this.#state.wallet?.provider
    if (!provider) return
    this.#set({ asking: 'switch', error: null })
    try {
      await switchTo(provider, chain)
      this.#set({ chainId: chainIdOf(await provider.request({ method: 'eth_chainId' })) })
    } catch (thrown) {
      this.#set({ error: walletErrorOf(thrown) })
    }
    this.#set({ asking: null })
  }

  /** Who signs on a chain, as the wallet itself says at this moment. Throws WalletError where nobody does. */
  async signer(chainId: number): Promise<Signer> {
    const { wallet, account } = this.#state
    if (!wallet) throw new WalletError(account ? 'This account is only watched. Connect its wallet to sign.' : 'Connect a wallet first.', null)
    const { provider } = wallet
    try {
      const [now] = accountsOf(await provider.request({ method: 'eth_accounts' }))
      const there = chainIdOf(await provider.request({ method: 'eth_chainId' }))
      this.#set({ chainId: there })
      if (!now || now.toLowerCase() !== account?.toLowerCase()) throw new WalletError('Your wallet shows another account now. Connect it again.', null)
      if (there !== chainId) throw new WalletError(`Your wallet is on chain ${there}, this is for chain ${chainId}. Switch it first.`, null)
      return { provider, account: now, chainId }
    } catch (thrown) {
      throw thrown instanceof WalletError ? thrown : walletErrorOf(thrown)
    }
  }

  async #use(wallet: Announced, method: 'eth_accounts' | 'eth_requestAccounts'): Promise<void> {
    try {
      const accounts = accountsOf(await wallet.provider.request({ method }))
      const chainId = chainIdOf(await wallet.provider.request({ method: 'eth_chainId' }))
      if (!accounts[0]) return
      this.#forget()
      this.#set({ wallet, account: accounts[0], chainId })
      this.storage.setItem(LAST, wallet.id)
      this.#leave = this.#listen(wallet.provider)
    } catch (thrown) {
      this.#set({ error: walletErrorOf(thrown) })
    }
  }

  #listen(provider: EIP1193Provider): () => void {
    const accounts = (found: unknown) => {
      const [account] = accountsOf(found)
      if (account) this.#set({ account })
      else this.disconnect()
    }
    const chain = (found: unknown) => this.#set({ chainId: chainIdOf(found) })
    const gone = () => this.#set({ chainId: null })
    provider.on('accountsChanged', accounts)
    provider.on('chainChanged', chain)
    provider.on('disconnect', gone)
    return () => {
      provider.removeListener('accountsChanged', accounts)
      provider.removeListener('chainChanged', chain)
      provider.removeListener('disconnect', gone)
    }
  }

  #forget(): void {
    this.#leave()
    this.#leave = () => {}
    this.#set({ wallet: null, account: null, chainId: null, error: null })
  }

  #set(change: Partial<WalletState>): void {
    this.#state = { ...this.#state, ...change }
    for (const tell of this.#listeners) tell()
  }
}

async function switchTo(provider: EIP1193Provider, chain: Chain): Promise<void> {
  const chainId = numberToHex(chain.chainId)
  try {
    await provider.request({ method: 'wallet_switchEthereumChain', params: [{ chainId }] })
  } catch (thrown) {
    if (walletErrorOf(thrown).code !== UNKNOWN_CHAIN) throw thrown
    const nativeCurrency = { name: 'Ether', symbol: 'ETH', decimals: 18 }
    const added = { chainId, chainName: chain.name, rpcUrls: [chain.rpcUrl], nativeCurrency }
    await provider.request({ method: 'wallet_addEthereumChain', params: [added] })
  }
}
