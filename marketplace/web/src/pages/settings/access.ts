import type { Address } from 'viem'
import { createSiweMessage } from 'viem/siwe'

import type { components } from '../../generated/api'
import type { Answer } from '../../market/queries'

export type Nonce = Answer<'issue_nonce'>
export type Scope = components['schemas']['KeyBody']['scopes'][number]

/** A wallet that has signed in to a market. */
export interface Visit {
  readonly account: Address
  readonly token: string
  /** Unix seconds. */
  readonly expiresAt: number
}

/** What each scope lets a key do; which there are says the interface. */
export const SCOPES: Readonly<Record<Scope, string>> = {
  'webhooks:read': 'list webhooks and their deliveries',
  'webhooks:write': 'make, change and delete webhooks',
  'keys:read': 'list keys',
  'sessions:read': 'list sessions',
}

/** Whether a market lets people sign in from this host; a name without a port stands for any port. */
export function isAllowed(place: Pick<Location, 'host' | 'hostname'>, domains: readonly string[]): boolean {
  return domains.includes(place.host) || domains.includes(place.hostname)
}

/** The text that signs in (EIP-4361). Throws where a part cannot be part of one. */
export function messageOf(account: Address, nonce: Nonce, place: Pick<Location, 'host' | 'origin'>, now: Date): string {
  return createSiweMessage({
    address: account,
    chainId: nonce.chainId,
    domain: place.host,
    issuedAt: now,
    nonce: nonce.nonce,
    statement: 'Sign in to the market. This moves no money and places no order.',
    uri: `${place.origin}/`,
    version: '1',
  })
}

const KEY = 'computehive.visit:'

/** This tab's visit to a market, as long as it is good and is this account's. Forgotten with the tab. */
export function keptVisit(marketUrl: string, account: Address, now: number, storage: Storage = sessionStorage): Visit | null {
  try {
    const kept = JSON.parse(storage.getItem(KEY + marketUrl) ?? 'null') as Partial<Visit> | null
    if (typeof kept?.token !== 'string' || typeof kept.expiresAt !== 'number') return null
    if (kept.account?.toLowerCase() !== account.toLowerCase() || kept.expiresAt <= now) return null
    return { account, token: kept.token, expiresAt: kept.expiresAt }
  } catch {
    return null
  }
}

export function keepVisit(marketUrl: string, visit: Visit | null, storage: Storage = sessionStorage): void {
  if (visit) storage.setItem(KEY + marketUrl, JSON.stringify(visit))
  else storage.removeItem(KEY + marketUrl)
}

/** What a request carries in a session. */
export function bearer(visit: Visit): { readonly headers: { readonly Authorization: string } } {
  return { headers: { Authorization: `Bearer ${visit.token}` } }
}
