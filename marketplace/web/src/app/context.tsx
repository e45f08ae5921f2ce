import { createContext, useContext, useSyncExternalStore } from 'react'

import type { Market } from '../market/api'
import type { Settings } from '../market/settings'
import type { WalletState, WalletStore } from '../wallet/wallet'

/** What every page works with. */
export interface Session {
  readonly market: Market
  /** Where the market is: the page's own folder unless the visitor chose another. */
  readonly marketUrl: string
  readonly wallet: WalletStore
  readonly settings: Settings
  readonly change: (settings: Settings) => void
}

const Context = createContext<Session | null>(null)
export const SessionProvider = Context.Provider

export function useSession(): Session {
  const session = useContext(Context)
  if (!session) throw new Error('no session around this component')
  return session
}

export function useWallet(): WalletState {
  const { wallet } = useSession()
  return useSyncExternalStore(wallet.subscribe, wallet.state)
}
