import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { useEffect, useMemo, useState, type ReactNode } from 'react'

import { openMarket } from '../market/api'
import { Problem } from '../market/problem'
import { loadSettings, saveSettings, type Settings } from '../market/settings'
import { UnitsProvider } from '../ui/units'
import { WalletStore } from '../wallet/wallet'
import { SessionProvider, type Session } from './context'
import { fetchExit } from './pages'
import { Shell } from './Shell'

const client = new QueryClient({
  defaultOptions: {
    queries: {
      // What the market refused it refuses again; what was not reached may be there in a moment.
      retry: (times, error) => times < 1 && error instanceof Problem && error.isAway,
      staleTime: 2_000,
    },
  },
})
const wallet = new WalletStore()
/** Milliseconds after which the page that works without a server is fetched, so that it is not in the first ones' way. */
const EXIT_AFTER = 3_000

/** Where this page lies, without its last slash. */
function ownUrl(): string {
  return new URL('.', location.href).href.replace(/\/$/, '')
}

export function App(): ReactNode {
  const [settings, setSettings] = useState(loadSettings)
  useEffect(() => wallet.start(), [])
  useEffect(() => {
    const timer = setTimeout(fetchExit, EXIT_AFTER)
    return () => clearTimeout(timer)
  }, [])
  useEffect(() => showTheme(settings), [settings])
  const session = useMemo<Session>(() => {
    const marketUrl = settings.marketUrl ?? ownUrl()
    const change = (next: Settings) => {
      saveSettings(next)
      setSettings(next)
      if (next.marketUrl !== settings.marketUrl) client.clear()
    }
    return { market: openMarket(marketUrl), marketUrl, wallet, settings, change }
  }, [settings])
  return (
    <QueryClientProvider client={client}>
      <SessionProvider value={session}>
        <UnitsProvider value={settings.units}>
          <Shell />
        </UnitsProvider>
      </SessionProvider>
    </QueryClientProvider>
  )
}

function showTheme({ theme }: Settings): void {
  if (theme === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = theme
}
