import type { PublicClient } from 'viem'
import { domainSeparator } from 'viem'
import { expect, test } from 'vitest'

import { isStale, permitCall, readPermit } from './permit'

const token = `0x${'11'.repeat(20)}` as const
const escrow = `0x${'22'.repeat(20)}` as const
const owner = `0x${'33'.repeat(20)}` as const
const domain = { name: 'USD Coin', version: '2', chainId: 1337, verifyingContract: token }

/** A node of a chain whose token says this of itself. */
function nodeOf(said: Record<string, unknown>, timestamp = 1_000n): PublicClient {
  const told: Record<string, unknown> = { name: 'USD Coin', version: '2', nonces: 4n, DOMAIN_SEPARATOR: domainSeparator({ domain }), ...said }
  const readContract = async ({ functionName }: { functionName: string }) => {
    if (told[functionName] === undefined) throw new Error('reverted')
    return told[functionName]
  }
  return { getChainId: async () => 1337, getBlock: async () => ({ timestamp }), readContract } as unknown as PublicClient
}

test('a permit is for exactly so much, to the escrow, for an hour of the chain, under the number that is next', async () => {
  const permit = await readPermit(nodeOf({}), token, escrow, owner, 900_000n)
  expect(permit?.typed).toMatchObject({ domain, primaryType: 'Permit', message: { owner, spender: escrow, value: '900000', nonce: '4', deadline: '4600' } })
})

test('a token without permits, or whose domain is another than it tells, is approved instead', async () => {
  expect(await readPermit(nodeOf({ nonces: undefined }), token, escrow, owner, 1n)).toBe(null)
  expect(await readPermit(nodeOf({ version: '1' }), token, escrow, owner, 1n)).toBe(null)
})

test('a permit of another account, whose number was used, or whose hour is nearly over, is read again', async () => {
  const at = async (said: Record<string, unknown>, time: bigint) => (await readPermit(nodeOf(said, time), token, escrow, owner, 1n))!
  const first = await at({}, 1_000n)
  expect(isStale(first, await at({}, 4_300n))).toBe(false)
  expect(isStale(first, await at({}, 4_301n))).toBe(true)
  expect(isStale(first, await at({ nonces: 5n }, 1_000n))).toBe(true)
  expect(isStale(first, (await readPermit(nodeOf({}), token, escrow, escrow, 1n))!)).toBe(true)
})

test('a signature is taken apart, and one of a contract cannot be carried', async () => {
  const permit = (await readPermit(nodeOf({}), token, escrow, owner, 7n))!
  const [r, s] = ['ab'.repeat(32), '12'.repeat(32)]
  expect(permitCall(escrow, permit, `0x${r}${s}1c`)).toMatchObject({ functionName: 'depositWithPermit', args: [7n, 4_600n, 28, `0x${r}`, `0x${s}`] })
  expect(permitCall(escrow, permit, `0x${'00'.repeat(96)}`)).toBe(null)
})
