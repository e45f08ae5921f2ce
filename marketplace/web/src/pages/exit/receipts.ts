import { escrowDomain, typedData, type AddressBook } from '@computehive/contracts'
import type { Lease } from '@computehive/contracts/leases'
import { isHex, type Hex, type PublicClient } from 'viem'

import type { Typed } from '../../wallet/signing'

/** A renter's word that a result is worth so much, as `accept` takes it. */
export interface Receipt {
  readonly leaseId: Hex
  /** Micro-USDC, gross. */
  readonly pay: bigint
  /** SHA-256 of the result's manifest. */
  readonly resultDigest: Hex
}

export interface SignedReceipt {
  readonly receipt: Receipt
  readonly signature: Hex
}

/** Whether a text is 0x and 64 hex digits that are not all zero. */
export function isDigest(text: string): text is Hex {
  return /^0x[0-9a-fA-F]{64}$/.test(text) && BigInt(text) !== 0n
}

/** What the renter signs. */
export function typedReceipt(receipt: Receipt, book: AddressBook): Typed {
  return { domain: escrowDomain(book), types: typedData.Receipt.types, primaryType: 'Receipt', message: { ...receipt, pay: receipt.pay.toString() } }
}

/** The text that the renter hands over, in the API's form. */
export function writeReceipt({ receipt, signature }: SignedReceipt): string {
  return JSON.stringify({ receipt: { ...receipt, pay: receipt.pay.toString() }, signature }, null, 2)
}

/** The receipt in a text, of this lease and signed by its renter. Throws an Error that says what is wrong. */
export async function readReceipt(text: string, lease: Lease, book: AddressBook, node: PublicClient): Promise<SignedReceipt> {
  const found = parse(text)
  const { receipt, signature } = found
  if (receipt.leaseId.toLowerCase() !== lease.leaseId.toLowerCase()) throw new Error(`This receipt is of another lease: ${receipt.leaseId}.`)
  if (receipt.pay > lease.price) throw new Error('It says more than is locked for this lease.')
  const typed = typedReceipt(receipt, book) as unknown as Parameters<PublicClient['verifyTypedData']>[0]
  const holds = await node.verifyTypedData({ ...typed, address: lease.renter, signature })
  if (!holds) throw new Error('Its signature is not that of the lease’s renter.')
  return found
}

function parse(text: string): SignedReceipt {
  const wrong = new Error('That is no receipt: expected the JSON that its renter’s page shows, with receipt (leaseId, pay, resultDigest) and signature.')
  let document: { receipt?: { leaseId?: unknown; pay?: unknown; resultDigest?: unknown }; signature?: unknown } | null
  try {
    document = JSON.parse(text) as typeof document
  } catch {
    throw wrong
  }
  const { leaseId, pay, resultDigest } = document?.receipt ?? {}
  const signature = document?.signature
  const isWhole = typeof leaseId === 'string' && isDigest(leaseId) && typeof resultDigest === 'string' && isDigest(resultDigest) && isHex(signature)
  if (!isWhole || typeof pay !== 'string' || !/^\d{1,20}$/.test(pay)) throw wrong
  return { receipt: { leaseId, pay: BigInt(pay), resultDigest }, signature }
}
