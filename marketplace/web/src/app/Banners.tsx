import { useEffect, type ReactNode } from 'react'
import { Link } from 'wouter'

import { changedContracts, keepBook } from '../chain/books'
import { comparePin, savePin, type Pin, type Pinned } from '../chain/pins'
import { useConfig, type Config } from '../market/queries'
import { useSession, useWallet } from './context'
import { pinOf } from './pinned'

const NAMES: Readonly<Record<keyof Pin, string>> = { chainId: 'chain', escrow: 'escrow contract', market: "market's key" }

/** What may keep a visitor from signing, said before they try. */
export function Banners(): ReactNode {
  const config = useConfig()
  if (config.data) return <OfMarket config={config.data} />
  if (!config.error) return null
  return (
    <p className="banner bad" role="alert">
      {config.error.message} What is on chain stays within reach: <Link href="/exit">Exit</Link>.
    </p>
  )
}

function OfMarket({ config }: { config: Config }): ReactNode {
  const { marketUrl, wallet } = useSession()
  const { wallet: used, chainId, asking } = useWallet()
  const pin = pinOf(config)
  const pinned = comparePin(marketUrl, pin)
  const isNew = pinned.kind === 'new'
  useEffect(() => {
    if (isNew) savePin(marketUrl, pinOf(config))
  }, [isNew, marketUrl, config])
  const isTrusted = pinned.kind !== 'changed'
  useEffect(() => {
    if (isTrusted) keepBook(marketUrl, config)
  }, [isTrusted, marketUrl, config])
  if (pinned.kind === 'changed') return <Changed pinned={pinned} pin={pin} />
  const others = changedContracts(marketUrl, config)
  if (others.length > 0)
    return (
      <p className="banner bad" role="alert">
        <strong>This market names other contracts than before: {others.join(', ')}.</strong> This browser goes on with those that it kept.
      </p>
    )
  if (!used || chainId === config.chainId) return null
  const chain = { chainId: config.chainId, name: `Chain ${config.chainId}`, rpcUrl: config.rpcUrl }
  return (
    <p className="banner" role="status">
      Your wallet is on {chainId === null ? 'no chain' : `chain ${chainId}`}, this market on chain {config.chainId}. Nothing can be
      signed until they are the same.{' '}
      <button type="button" disabled={asking !== null} onClick={() => void wallet.goTo(chain)}>
        {asking === 'switch' ? 'Look at your wallet…' : 'Switch'}
      </button>
    </p>
  )
}

function Changed({ pinned, pin }: { pinned: Extract<Pinned, { kind: 'changed' }>; pin: Pin }): ReactNode {
  return (
    <div className="banner bad" role="alert">
      <strong>This market is not what it was. Sign nothing until you know why.</strong>
      <ul>
        {pinned.fields.map((field) => (
          <li key={field}>
            Its {NAMES[field]} was <code>{String(pinned.before[field])}</code>, and is <code>{String(pin[field])}</code> now.
          </li>
        ))}
      </ul>
    </div>
  )
}
