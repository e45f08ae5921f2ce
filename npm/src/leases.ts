/** Leases out of `LeasesOpened` and `LeasesSettled`, and the arguments of the calls that close them. Needs viem. */
import { type Address, type Hex, concat, getAddress, keccak256, numberToHex } from 'viem'
import { Outcome, groupSize } from './generated/numbers.js'

/** One lease as `LeasesOpened` told it. */
export interface Lease {
  readonly leaseId: Hex
  /** In its group, from 0. */
  readonly place: number
  readonly bidHash: Hex
  readonly renter: Address
  readonly provider: Address
  /** Locked, micro-USDC; the penalty, too. */
  readonly price: bigint
  readonly feeBps: number
  /** Unix seconds. */
  readonly deadline: number
  /** Of the bid. */
  readonly salt: number
  /** The lease's two words, as calls repeat them. */
  readonly words: readonly [bigint, bigint]
}

/** The leases of one `LeasesOpened`, in order. */
export interface LeaseGroup {
  readonly market: Address
  readonly group: bigint
  /** What the escrow keeps 224 bits of. */
  readonly commitment: Hex
  readonly bidsDigest: Hex
  readonly terms: readonly bigint[]
  readonly leases: readonly Lease[]
}

/** The arguments of a `LeasesOpened` log that matter. */
export interface LeasesOpenedArgs {
  readonly market: Address
  readonly group: bigint
  readonly bidHashes: readonly Hex[]
  readonly terms: readonly bigint[]
}

/** The group that a `LeasesOpened` log told of. */
export function readGroup({ market, group, bidHashes, terms }: LeasesOpenedArgs): LeaseGroup {
  if (terms.length !== 2 * bidHashes.length) throw new Error('two words of terms a lease are expected')
  const bidsDigest = keccak256(concat(bidHashes))
  const commitment = keccak256(concat([bidsDigest, keccak256(concat(terms.map(word)))]))
  const leases = bidHashes.map((bidHash, place) => {
    const words = [terms[2 * place]!, terms[2 * place + 1]!] as const
    return { leaseId: keccak256(concat([commitment, word(BigInt(place))])), place, bidHash, words, ...readWords(...words) }
  })
  return { market, group, commitment, bidsDigest, terms, leases }
}

/** `GroupTerms`: how `settle`, `accept`, `claim` and `refund` name leases of a group. */
export function groupTerms(group: LeaseGroup, ...places: number[]) {
  const chosen = places.reduce((bits, place) => bits | (1n << BigInt(place)), 0n)
  return { group: group.group, chosen, bidsDigest: group.bidsDigest, terms: group.terms }
}

/** `ClaimedLease`: how `release`, `dispute`, `expireDispute` and `settleClaims` name a lease. */
export function claimedLease({ leaseId, words: [first, second] }: Pick<Lease, 'leaseId' | 'words'>) {
  return { leaseId, first, second }
}

/** Whether a lease is open, by what `groupWord(market, group)` says now. */
export function isOpen(group: LeaseGroup, place: number, groupWord: bigint): boolean {
  const kept = BigInt(group.commitment) & ((1n << 224n) - 1n)
  return groupWord >> BigInt(groupSize) === kept && bit(groupWord, place)
}

/** One verdict of a settlement. It closed its lease if `closed`; else the lease was closed before, or it could not be. */
export interface Settled {
  readonly group: bigint
  readonly place: number
  readonly closed: boolean
  /** See `Outcome`. */
  readonly outcome: number
  /** Before the fee, micro-USDC. */
  readonly pay: bigint
  readonly resultDigest: Hex
}

/** The arguments of a `LeasesSettled` log that matter. */
export interface LeasesSettledArgs {
  readonly closed: readonly bigint[]
  readonly chosen: readonly bigint[]
  readonly outcomes: readonly bigint[]
  readonly resultDigests: readonly Hex[]
}

/** The verdicts that a `LeasesSettled` log told of, in order. */
export function readSettled({ closed, chosen, outcomes, resultDigests }: LeasesSettledArgs): Settled[] {
  const places = Array.from({ length: groupSize }, (_, place) => place)
  const named = chosen.flatMap((bits, at) => places.filter((place) => bit(bits, place)).map((place) => ({ at, place })))
  return named.map(({ at, place }, verdict) => {
    const packed = outcomes[Math.floor(verdict / 3)]! >> BigInt(80 * (verdict % 3))
    return {
      group: chosen[at]! >> BigInt(groupSize),
      place,
      closed: bit(closed[at]!, place),
      outcome: Number((packed >> 64n) & 0xffn),
      pay: packed & ((1n << 64n) - 1n),
      resultDigest: resultDigests[verdict]!,
    }
  })
}

/** What a log told about a lease that is followed. */
export interface Told {
  readonly lease: Lease
  readonly market: Address
  readonly group: bigint
  readonly state: 'open' | 'claimed' | 'disputed' | 'closed'
  /** Once it is closed; see `Outcome`. */
  readonly outcome?: number
  /** Before the fee, micro-USDC: claimed, or once it is closed due to the provider. */
  readonly pay?: bigint
  /** Zero where no result was named. */
  readonly resultDigest?: Hex
}

/** A log of the escrow, decoded with `escrowAbi` in viem's strict mode. */
export interface EscrowLog {
  readonly eventName: string
  readonly args: unknown
}

/**
 * Follows the leases of one bid: the function that comes back takes the escrow's logs one by one, in their order and from before
 * the bid was signed on, and says what each tells about them: mostly nothing, so `logs.flatMap(followBid(…))`.
 */
export function followBid(bidHash: Hex): (log: EscrowLog) => Told[] {
  const known = new Map<Hex, Told>()
  const tell = (leaseId: Hex, change: Partial<Told>): Told[] => {
    const before = known.get(leaseId)
    if (before === undefined) return []
    known.set(leaseId, { ...before, ...change })
    return [known.get(leaseId)!]
  }
  const opened = (args: LeasesOpenedArgs) => {
    const { leases, market, group } = readGroup(args)
    const mine = leases.filter((one) => one.bidHash === bidHash)
    for (const lease of mine) known.set(lease.leaseId, { lease, market, group, state: 'open' })
    return mine.map(({ leaseId }) => known.get(leaseId)!)
  }
  const settled = (args: LeasesSettledArgs & { readonly market: Address }) =>
    readSettled(args).flatMap(({ group, place, closed, outcome, pay, resultDigest }) => {
      const told = [...known.values()].find(
        (one) => one.market === args.market && one.group === group && one.lease.place === place && one.state === 'open',
      )
      return told && closed ? tell(told.lease.leaseId, { state: 'closed', outcome, pay, resultDigest }) : []
    })
  return ({ eventName, args }) => {
    if (eventName === 'LeasesOpened') return opened(args as LeasesOpenedArgs)
    if (eventName === 'LeasesSettled') return settled(args as Parameters<typeof settled>[0])
    const { leaseId, outcome, pay, paid = 0n, fee = 0n, resultDigest } = args as Partial<ClosingArgs> & { leaseId: Hex }
    if (eventName === 'LeaseClaimed') return tell(leaseId, { state: 'claimed', pay: pay!, resultDigest: resultDigest! })
    if (eventName === 'LeaseDisputed') return tell(leaseId, { state: 'disputed' })
    if (eventName !== 'LeaseClosed') return []
    return tell(leaseId, { state: 'closed', outcome: outcome ?? Outcome.NONE, pay: paid + fee, resultDigest: resultDigest! })
  }
}

interface ClosingArgs {
  readonly outcome: number
  readonly pay: bigint
  readonly paid: bigint
  readonly fee: bigint
  readonly resultDigest: Hex
}

/** The salt of a renter's next bid: one above all that are used or void, by its `renterAccount`. */
export function nextSalt({ saltBase, window }: { saltBase: number; window: bigint }): number {
  return saltBase + (window === 0n ? 0 : window.toString(2).length)
}

/** What becomes of a price when `pay` of it is due: whole micro-USDC, nothing lost. */
export function splitPrice(lease: Pick<Lease, 'price' | 'feeBps'>, pay: bigint) {
  const fee = (pay * BigInt(lease.feeBps)) / 10_000n
  return { paid: pay - fee, fee, refund: lease.price - pay }
}

function readWords(first: bigint, second: bigint) {
  return {
    renter: addressIn(first),
    provider: addressIn(second),
    price: (second >> 160n) & ((1n << 64n) - 1n),
    feeBps: Number((second >> 224n) & 0xffffn),
    deadline: Number((first >> 160n) & ((1n << 40n) - 1n)),
    salt: Number((first >> 200n) & ((1n << 48n) - 1n)),
  }
}

function addressIn(value: bigint): Address {
  return getAddress(numberToHex(value & ((1n << 160n) - 1n), { size: 20 }))
}

function word(value: bigint): Hex {
  return numberToHex(value, { size: 32 })
}

function bit(bits: bigint, place: number): boolean {
  return ((bits >> BigInt(place)) & 1n) === 1n
}
