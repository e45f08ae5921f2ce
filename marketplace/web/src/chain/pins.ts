import { deployments } from '@computehive/contracts'

/** What signatures are bound to, of a market at an address. */
export interface Pin {
  readonly chainId: number
  readonly escrow: string
  readonly market: string
}

/** `is`: as published, or as at every visit before. `new`: never seen. Else which fields are not what they were. */
export type Pinned = { readonly kind: 'published' | 'known' | 'new' } | { readonly kind: 'changed'; readonly fields: readonly (keyof Pin)[]; readonly before: Pin }

const KEY = 'computehive.pins'
const FIELDS: readonly (keyof Pin)[] = ['chainId', 'escrow', 'market']

/** Hold what the market at `url` says against what was published of its chain, and against what it said before.
 *
 * A server that was broken into could name a contract of its own; whoever signed for it would not know. */
export function comparePin(url: string, now: Pin, storage: Storage = localStorage): Pinned {
  const published = Object.values(deployments).find((one) => one.chainId === now.chainId)
  if (published) {
    const isSame = published.contracts.Escrow.toLowerCase() === now.escrow.toLowerCase()
    if (isSame) return { kind: 'published' }
    return { kind: 'changed', fields: ['escrow'], before: { ...now, escrow: published.contracts.Escrow } }
  }
  const before = readPins(storage)[url]
  if (!before) return { kind: 'new' }
  const fields = FIELDS.filter((field) => String(before[field]).toLowerCase() !== String(now[field]).toLowerCase())
  return fields.length === 0 ? { kind: 'known' } : { kind: 'changed', fields, before }
}

/** From now on this is what the market at `url` says. */
export function savePin(url: string, pin: Pin, storage: Storage = localStorage): void {
  storage.setItem(KEY, JSON.stringify({ ...readPins(storage), [url]: pin }))
}

function readPins(storage: Storage): Record<string, Pin> {
  try {
    return JSON.parse(storage.getItem(KEY) ?? '{}') as Record<string, Pin>
  } catch {
    return {}
  }
}
