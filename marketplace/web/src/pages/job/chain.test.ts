import { escrowAbi } from '@computehive/contracts'
import { concat, encodeAbiParameters, encodeEventTopics, keccak256, numberToHex, type AbiEvent, type Hex, type TransactionReceipt } from 'viem'
import { describe, expect, it } from 'vitest'

import { checkChain, leaseIdOf, type OnChain } from './chain'

const ESCROW = `0x${'11'.repeat(20)}`
const MARKET = `0x${'22'.repeat(20)}` as const
const ZERO = numberToHex(0, { size: 32 })
const hash = (digit: string) => `0x${digit.repeat(64)}` as Hex
const BIDS = [hash('a'), hash('b')]
const PRICE = 11_803n
const second = (500n << 224n) | (PRICE << 160n)
const TERMS = [1n, second, 2n, second]
const COMMITMENT = keccak256(concat([keccak256(concat(BIDS)), keccak256(concat(TERMS.map((one) => numberToHex(one, { size: 32 }))))]))

const lease: OnChain = {
  leaseId: leaseIdOf(COMMITMENT, 1),
  bidHash: BIDS[1]!,
  price: '11803',
  feeBps: 500,
  openedTransaction: hash('c'),
  closedTransaction: hash('d'),
  outcome: 'paid',
  paid: '5631',
  fee: '296',
  refund: '5876',
}

/** A receipt with one event of the escrow, encoded as its contract would. */
function receiptOf(eventName: string, args: Record<string, unknown>, status = 'success'): TransactionReceipt {
  const event = (escrowAbi as readonly unknown[]).find((one) => (one as AbiEvent).type === 'event' && (one as AbiEvent).name === eventName) as AbiEvent
  const plain = event.inputs.filter(({ indexed }) => !indexed)
  const data = encodeAbiParameters(plain, plain.map(({ name }) => args[name!]))
  const topics = encodeEventTopics({ abi: [event], eventName, args } as Parameters<typeof encodeEventTopics>[0])
  return { status, logs: [{ address: ESCROW, data, topics }] } as unknown as TransactionReceipt
}

const opened = receiptOf('LeasesOpened', { market: MARKET, group: 7n, roundDigest: ZERO, bidHashes: BIDS, terms: TERMS })
const group = 7n << 32n
/** Both leases of the group in one verdict word; ours is the second. */
const settled = (closed: bigint) =>
  receiptOf('LeasesSettled', {
    market: MARKET, epoch: 1n, signers: 3n, closed: [closed], chosen: [group | 3n],
    outcomes: [(((1n << 64n) | 5_927n) << 80n) | (2n << 64n)], resultDigests: [ZERO, ZERO],
  })
const node = (closing: TransactionReceipt, opening = opened, chainId = 1337) => ({
  getChainId: async () => chainId,
  getTransactionReceipt: async ({ hash: asked }: { hash: Hex }) => (asked === lease.openedTransaction ? opening : closing),
})
const outcomes = async (...asked: Parameters<typeof checkChain>) => (await checkChain(...asked)).map(({ outcome }) => outcome)

describe('the escrow’s own events', () => {
  it('hold where a batch settled the lease', async () => {
    expect(await outcomes(node(settled(group | 3n)), 1337, ESCROW, lease)).toEqual(['holds', 'holds'])
  })

  it('do not where the batch did not close this lease, or paid something else', async () => {
    expect(await outcomes(node(settled(group | 1n)), 1337, ESCROW, lease)).toEqual(['holds', 'fails'])
    expect(await outcomes(node(settled(group | 3n)), 1337, ESCROW, { ...lease, paid: '5630' })).toEqual(['holds', 'fails'])
  })

  it('hold where one lease was closed by itself', async () => {
    const one = { leaseId: lease.leaseId, renter: MARKET, provider: MARKET, outcome: 1, paid: 5_631n, fee: 296n, refund: 5_876n, resultDigest: ZERO, reason: 1 }
    expect(await outcomes(node(receiptOf('LeaseClosed', one)), 1337, ESCROW, lease)).toEqual(['holds', 'holds'])
    expect(await outcomes(node(receiptOf('LeaseClosed', { ...one, fee: 297n })), 1337, ESCROW, lease)).toEqual(['holds', 'fails'])
  })

  it('do not where another contract, another bid or another price is in them', async () => {
    const closing = settled(group | 3n)
    expect(await outcomes(node(closing), 1337, MARKET, lease)).toEqual(['fails', 'unknown'])
    expect(await outcomes(node(closing), 1337, ESCROW, { ...lease, bidHash: BIDS[0]! })).toEqual(['fails', 'unknown'])
    expect((await outcomes(node(closing), 1337, ESCROW, { ...lease, price: '11804' }))[0]).toBe('fails')
  })

  it('could not be looked at without a node, with one of another chain, or one that is silent', async () => {
    const silent = { getChainId: () => Promise.reject(new Error('no route')), getTransactionReceipt: () => Promise.reject(new Error('no route')) }
    expect(await outcomes(null, 1337, ESCROW, lease)).toEqual(['unknown', 'unknown'])
    expect(await outcomes(node(settled(group)), 1, ESCROW, lease)).toEqual(['unknown', 'unknown'])
    expect(await outcomes(silent, 1337, ESCROW, lease)).toEqual(['unknown', 'unknown'])
  })
})
