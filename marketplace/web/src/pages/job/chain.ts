import { escrowAbi } from '@computehive/contracts'
import { concat, keccak256, numberToHex, parseEventLogs, type Hash, type Hex, type PublicClient, type TransactionReceipt } from 'viem'

import { told, type Check } from './checks'

/** What the market says that the chain says about a lease. */
export interface OnChain {
  readonly leaseId: string
  readonly bidHash: string
  readonly price: string
  readonly feeBps: number
  readonly openedTransaction: string | null
  readonly closedTransaction: string | null
  readonly outcome: string | null
  readonly paid: string | null
  readonly fee: string | null
  readonly refund: string | null
}

type Node = Pick<PublicClient, 'getChainId' | 'getTransactionReceipt'>

interface Opened {
  readonly group: bigint
  readonly market: string
  readonly place: number
  readonly price: bigint
  readonly feeBps: bigint
}

interface Closed {
  readonly outcome: string
  readonly paid: bigint
  readonly fee: bigint
  readonly refund: bigint
}

const OUTCOMES: readonly string[] = ['none', 'paid', 'failed', 'fraud']
const OPENED = 'The escrow opened this lease for this bid, at this price and fee'
const CLOSED = 'The escrow closed it with this outcome, pay, fee and refund'
/** A group's bits are the lowest of a word of `chosen`, its number stands above them. */
const GROUP_BITS = 32n

/** Hold the lease against the escrow's own events, as a node of the chain tells them. */
export async function checkChain(node: Node | null, chainId: number, escrow: string, lease: OnChain): Promise<Check[]> {
  const unknown = (why: string, ...names: string[]) => names.map((what): Check => ({ what, outcome: 'unknown', why }))
  if (!node) return unknown('the market names no node of the chain; choose one in Settings', OPENED, CLOSED)
  if (!lease.openedTransaction) return unknown('the market names no transaction that opened it', OPENED, CLOSED)
  try {
    const found = await node.getChainId()
    if (found !== chainId) return unknown(`the node is on chain ${found}, the market on chain ${chainId}`, OPENED, CLOSED)
    const opened = openedIn(await node.getTransactionReceipt({ hash: lease.openedTransaction as Hash }), escrow, lease)
    const isSame = opened !== null && opened.price === BigInt(lease.price) && opened.feeBps === BigInt(lease.feeBps)
    const first = told(OPENED, isSame, opened ? `${opened.price} micro-USDC, ${opened.feeBps} basis points` : 'its opening transaction has no event of it')
    if (!opened) return [first, ...unknown('nothing opened it', CLOSED)]
    if (!lease.closedTransaction) return [first, ...unknown('it is not closed yet', CLOSED)]
    return [first, closedAs(closedIn(await node.getTransactionReceipt({ hash: lease.closedTransaction as Hash }), escrow, lease, opened), lease)]
  } catch (thrown) {
    return unknown(`the node did not answer: ${thrown instanceof Error ? thrown.message.split('\n')[0] : 'unknown'}`, OPENED, CLOSED)
  }
}

function closedAs(closed: Closed | null, lease: OnChain): Check {
  if (!closed) return told(CLOSED, false, 'its closing transaction has no event of it')
  const isSame = closed.paid === BigInt(lease.paid ?? -1) && closed.fee === BigInt(lease.fee ?? -1) && closed.refund === BigInt(lease.refund ?? -1)
  // A refund after the deadline has no outcome of its own on chain.
  const isOutcome = closed.outcome === 'none' || closed.outcome === lease.outcome
  return told(CLOSED, isSame && isOutcome, `${closed.outcome}: ${closed.paid} + ${closed.fee} + ${closed.refund} micro-USDC`)
}

function openedIn(receipt: TransactionReceipt, escrow: string, lease: OnChain): Opened | null {
  if (receipt.status !== 'success') return null
  const logs = parseEventLogs({ abi: escrowAbi, eventName: 'LeasesOpened', logs: ofContract(receipt, escrow) })
  for (const { args } of logs) {
    const words = args.terms.map((one) => numberToHex(one, { size: 32 }))
    const commitment = keccak256(concat([keccak256(concat(args.bidHashes)), keccak256(concat(words))]))
    const place = args.bidHashes.findIndex((_, at) => leaseIdOf(commitment, at) === lease.leaseId)
    if (place < 0 || args.bidHashes[place] !== lease.bidHash) continue
    const second = args.terms[2 * place + 1]!
    return { group: args.group, market: args.market, place, price: (second >> 160n) & 0xffff_ffff_ffff_ffffn, feeBps: (second >> 224n) & 0xffffn }
  }
  return null
}

/** The name of the lease at a place of a group. */
export function leaseIdOf(commitment: Hex, place: number): Hex {
  return keccak256(concat([commitment, numberToHex(place, { size: 32 })]))
}

function closedIn(receipt: TransactionReceipt, escrow: string, lease: OnChain, opened: Opened): Closed | null {
  if (receipt.status !== 'success') return null
  const logs = ofContract(receipt, escrow)
  for (const { args } of parseEventLogs({ abi: escrowAbi, eventName: 'LeaseClosed', logs })) {
    if (args.leaseId !== lease.leaseId) continue
    return { outcome: OUTCOMES[args.outcome] ?? 'none', paid: args.paid, fee: args.fee, refund: args.refund }
  }
  for (const { args } of parseEventLogs({ abi: escrowAbi, eventName: 'LeasesSettled', logs })) {
    if (args.market !== opened.market) continue
    const packed = verdictOf(args, opened)
    if (packed === null) continue
    const pay = packed & 0xffff_ffff_ffff_ffffn
    const fee = (pay * opened.feeBps) / 10_000n
    return { outcome: OUTCOMES[Number((packed >> 64n) & 0xffn)] ?? 'none', paid: pay - fee, fee, refund: opened.price - pay }
  }
  return null
}

interface Settled {
  readonly closed: readonly bigint[]
  readonly chosen: readonly bigint[]
  readonly outcomes: readonly bigint[]
}

/** The 80 bits of a lease among those that a `LeasesSettled` closed, three to a word; null where it is not one of them. */
function verdictOf({ closed, chosen, outcomes }: Settled, { group, place }: Opened): bigint | null {
  let verdict = 0
  for (const [at, bits] of chosen.entries()) {
    for (let bit = 0n; bit < GROUP_BITS; bit += 1n) {
      if (!((bits >> bit) & 1n)) continue
      const isIt = bits >> GROUP_BITS === group && bit === BigInt(place) && ((closed[at]! >> bit) & 1n) === 1n
      if (isIt) return (outcomes[Math.floor(verdict / 3)]! >> BigInt(80 * (verdict % 3))) & ((1n << 80n) - 1n)
      verdict += 1
    }
  }
  return null
}

function ofContract(receipt: TransactionReceipt, escrow: string) {
  return receipt.logs.filter(({ address }) => address.toLowerCase() === escrow.toLowerCase())
}
