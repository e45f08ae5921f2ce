import { createStore } from 'mipd'
import type { EIP1193Provider } from 'viem'

import type { Announced } from './provider'

const MAX_ICON = 100_000

/** Tells of all wallets whenever one announces itself; returns what ends that. */
export function watchWallets(tell: (found: Announced[]) => void): () => void {
  const store = createStore()
  const read = () => tell([...store.getProviders().map(announcedOf), ...injected(store.getProviders().length)])
  const stop = store.subscribe(read)
  read()
  return () => {
    stop()
    store.destroy()
  }
}

function announcedOf({ info, provider }: ReturnType<ReturnType<typeof createStore>['getProviders']>[number]): Announced {
  const isPicture = /^data:image\/(png|jpeg|svg\+xml|webp|gif)[;,]/.test(info.icon) && info.icon.length < MAX_ICON
  return { id: info.rdns, name: info.name.slice(0, 60), icon: isPicture ? info.icon : '', provider: provider as EIP1193Provider }
}

/** The one in `window.ethereum`, only where no wallet announced itself: else it is one of them under no name. */
function injected(announced: number): Announced[] {
  const provider = (window as { ethereum?: EIP1193Provider }).ethereum
  return announced === 0 && provider ? [{ id: 'injected', name: 'Browser wallet', icon: '', provider }] : []
}
