import { typedData } from '@computehive/contracts'
import { domainSeparator, keccak256, recoverAddress, stringToHex, type Address, type Hex } from 'viem'

import type { ReadRound, Transcript } from './transcript'

type Order = Readonly<Record<string, unknown>>
type Field = { readonly name: string; readonly type: string }
export type Kind = 'Bid' | 'Ask'
type Domain = Transcript['domain']

/** Orders that are hashed before the page has its turn. */
const SLICE = 400
/** Half of secp256k1's order: EIP-2 wants `s` at most that. */
const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n
const SIGNATURE_LENGTH = 2 + 2 * 65

/** `hashStruct` of EIP-712: what an order is called. Its fields have one word each. Throws for a field that is none. */
export function hashOrder(kind: Kind, order: object): Hex {
  const fields: readonly Field[] = kind === 'Bid' ? typedData.Bid.types.Bid : typedData.Ask.types.Ask
  const words = fields.map(({ name, type }) => wordOf((order as Order)[name], type))
  return keccak256(`${typeHashOf(kind, fields)}${words.join('')}`)
}

const typeHashes = new Map<Kind, Hex>()

/** The same for all orders of a kind, so it is made once. */
function typeHashOf(kind: Kind, fields: readonly Field[]): Hex {
  const type = `${kind}(${fields.map((field) => `${field.type} ${field.name}`).join(',')})`
  const hash = typeHashes.get(kind) ?? keccak256(stringToHex(type))
  typeHashes.set(kind, hash)
  return hash
}

function wordOf(value: unknown, type: string): string {
  if (type.startsWith('uint')) return numberWord(value, Number(type.slice('uint'.length)))
  const length = type === 'address' ? 40 : 64
  const digits = typeof value === 'string' && value.startsWith('0x') ? value.slice(2).toLowerCase() : ''
  if (digits.length !== length || !/^[0-9a-f]+$/.test(digits)) throw new TypeError(`${JSON.stringify(value)} is no ${type}`)
  return digits.padStart(64, '0')
}

function numberWord(value: unknown, bits: number): string {
  const isNumber = typeof value === 'number' ? Number.isSafeInteger(value) : typeof value === 'string' && /^\d+$/.test(value)
  const number = isNumber ? BigInt(value as string | number) : -1n
  if (number < 0n || number >> BigInt(bits) !== 0n) throw new TypeError(`${JSON.stringify(value)} is no uint${bits}`)
  return number.toString(16).padStart(64, '0')
}

/** A transcript with the hashes of its orders, made in slices: a page stays responsive meanwhile. Throws TypeError. */
export async function readRound(transcript: Transcript): Promise<ReadRound> {
  const bidHashes = await inSlices(transcript.bids, ({ bid }) => hashOrder('Bid', bid))
  const askHashes = await inSlices(transcript.asks, ({ ask }) => hashOrder('Ask', ask))
  return { transcript, bidHashes, askHashes }
}

async function inSlices<From, To>(items: readonly From[], make: (item: From) => To): Promise<To[]> {
  const made: To[] = []
  for (let start = 0; start < items.length; start += SLICE) {
    if (start > 0) await new Promise((done) => setTimeout(done))
    made.push(...items.slice(start, start + SLICE).map(make))
  }
  return made
}

/** Finds who signed an order, by its hash: null of no key's signature in canonical form (an account contract's is not). */
export function signersIn(domain: Domain): (hash: string, signature: string) => Promise<Address | null> {
  const verifyingContract = domain.verifyingContract.toLowerCase() as Address
  const separator = domainSeparator({ domain: { ...domain, verifyingContract } })
  return async (hash, signature) => {
    if (!isKeysSignature(signature)) return null
    const digest = keccak256(`0x1901${separator.slice(2)}${hash.slice(2)}`)
    return recoverAddress({ hash: digest, signature: signature as Hex }).catch(() => null)
  }
}

/** Whether a signature has the length of a key's. Any other is an account contract's (ERC-1271), which only the chain can check. */
export function isOfKey(signature: string): boolean {
  return signature.length === SIGNATURE_LENGTH
}

function isKeysSignature(signature: string): boolean {
  if (!isOfKey(signature) || !/^0x[0-9a-fA-F]+$/.test(signature)) return false
  const v = signature.slice(-2).toLowerCase()
  return (v === '1b' || v === '1c') && BigInt(`0x${signature.slice(66, 130)}`) <= HALF_ORDER
}
