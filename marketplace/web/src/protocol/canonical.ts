import { sha256, stringToBytes, type Hex } from 'viem'

const LONE_SURROGATE = /\p{Surrogate}/u
/** From here on ECMAScript writes an exponent, which no reader takes for a whole number. */
const FIRST_WITH_EXPONENT = 1e21

/**
 * The RFC 8785 (JCS) serialisation of a JSON value, as `marketplace/protocol/canonical.py` makes it.
 *
 * Whole numbers beyond 2^53 are refused, as there: no reader of JSON would agree with another about them.
 * Throws TypeError for what JSON cannot carry.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return canonicalNumber(value)
  if (typeof value === 'string') return canonicalText(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object') throw new TypeError(`${typeof value} is no JSON`)
  const fields = value as Record<string, unknown>
  // JavaScript sorts strings by UTF-16 code units, which is what RFC 8785 (3.2.3) asks for.
  return `{${Object.keys(fields).sort().map((key) => `${canonicalText(key)}:${canonicalJson(fields[key])}`).join(',')}}`
}

/** The content digest of a JSON value: SHA-256 over its canonical form. Throws TypeError. */
export function jsonDigest(value: unknown): Hex {
  return sha256(stringToBytes(canonicalJson(value)))
}

function canonicalNumber(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError(`${value} is no JSON number`)
  const isWhole = Number.isInteger(value) && Math.abs(value) < FIRST_WITH_EXPONENT
  if (isWhole && !Number.isSafeInteger(value)) throw new TypeError(`${value} is beyond 2^53`)
  return JSON.stringify(value)
}

function canonicalText(text: string): string {
  if (LONE_SURROGATE.test(text)) throw new TypeError('a string has half a character')
  return JSON.stringify(text)
}
