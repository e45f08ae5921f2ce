import { expect, test } from 'vitest'

import { canonicalJson, jsonDigest } from './canonical'
import vectors from './canonical.vectors.json'

// tests/unit/protocol/test_canonical_vectors.py holds marketplace/protocol/canonical.py to the same vectors.
test.each(vectors)('$json is written as Python writes it', ({ json, canonical }) => {
  const value: unknown = JSON.parse(json)
  if (canonical === null) expect(() => canonicalJson(value)).toThrow(TypeError)
  else expect(canonicalJson(value)).toBe(canonical)
})

test.each(vectors.filter(({ canonical }) => canonical !== null))('the digest of $json is SHA-256 over that, in UTF-8', async ({ json, canonical }) => {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(canonical!))
  const digits = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0'))
  expect(jsonDigest(JSON.parse(json))).toBe(`0x${digits.join('')}`)
})

test.each([undefined, () => 1, Number.NaN, Number.POSITIVE_INFINITY, 1n])('%s is no JSON', (value) => {
  expect(() => canonicalJson([value])).toThrow(TypeError)
})
