import { deployments, parseAddressBook, type AddressBook } from '@computehive/contracts'

import { urlOf } from '../market/settings'

/** What is needed to reach a deployment's contracts while its market is away. */
export interface KeptBook {
  readonly book: AddressBook
  /** Of the node that the market named; null where it named none that a browser can ask. */
  readonly rpcUrl: string | null
}

/** What a market says of its contracts, as its configuration has it. */
interface Told {
  readonly chainId: number
  readonly contracts: object
  readonly deployedAtBlock: number
  readonly rpcUrl: string
  readonly domain: { readonly verifyingContract: string }
}

const KEY = 'computehive.books'

/** The address book that a market tells; null where that is none, or not the escrow that it has orders signed for. */
export function toldBook({ chainId, contracts, deployedAtBlock, domain }: Told): AddressBook | null {
  const book = bookOf({ network: `chain ${chainId}`, chainId, contracts, deployedAtBlock })
  return book?.contracts.Escrow.toLowerCase() === domain.verifyingContract.toLowerCase() ? book : null
}

/** Keep what the market at `url` says of its contracts. False where that is no address book of its own, or names others around the
 * same escrow than before: what was kept stays.
 *
 * Only for a market whose pin is what it was: a server that was broken into must not replace what its visitors would leave by. */
export function keepBook(url: string, told: Told, storage: Storage = localStorage): boolean {
  const book = toldBook(told)
  if (!book || changedContracts(url, told, storage).length > 0) return false
  try {
    storage.setItem(KEY, JSON.stringify({ ...readAll(storage), [url]: { book, rpcUrl: urlOf(told.rpcUrl) } }))
    return true
  } catch {
    return false // storage that is full or forbidden
  }
}

/** Names of contracts that the market at `url` has elsewhere now than at first, around the same escrow. */
export function changedContracts(url: string, told: Told, storage: Storage = localStorage): string[] {
  const [before, now] = [keptBook(url, storage)?.book, toldBook(told)]
  if (!before || !now || before.chainId !== now.chainId || !isSame(before.contracts.Escrow, now.contracts.Escrow)) return []
  return Object.entries(now.contracts).flatMap(([name, address]) => (isSame(before.contracts[name as keyof AddressBook['contracts']], address) ? [] : [name]))
}

function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase()
}

/** What was kept of the market at `url`, with the addresses that were published of its chain, if any were; null of nothing. */
export function keptBook(url: string, storage: Storage = localStorage): KeptBook | null {
  const found = readAll(storage)[url] as { book?: unknown; rpcUrl?: unknown } | null | undefined
  const book = bookOf(found?.book)
  if (!book) return null
  const published = Object.values(deployments).find((one) => one.chainId === book.chainId)
  return { book: published ?? book, rpcUrl: urlOf(found?.rpcUrl) }
}

function bookOf(document: unknown): AddressBook | null {
  try {
    return parseAddressBook(document)
  } catch {
    return null
  }
}

function readAll(storage: Storage): Record<string, unknown> {
  try {
    const kept: unknown = JSON.parse(storage.getItem(KEY) ?? '{}')
    return typeof kept === 'object' && kept !== null ? (kept as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
