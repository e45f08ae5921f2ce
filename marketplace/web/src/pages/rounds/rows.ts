import { counted, formatMb, machineOf } from '../../market/machines'
import { openBook, rentOf, type Book, type Served } from '../../replay/book'
import type { PlacedAsk, PlacedBid, ReadRound } from '../../replay/transcript'

/** A bid and what became of it. */
export interface BidRow extends PlacedBid {
  readonly hash: string
  readonly leases: readonly Served[]
}

/** An ask, its rent and what a unit of it was worth to the auction, micro-USDC. */
export interface AskRow extends PlacedAsk {
  readonly hash: string
  readonly leases: readonly Served[]
  readonly rent: bigint
  /** Null where the auction's price is the rent. */
  readonly shadowPrice: bigint | null
}

/** A round as its page shows it. */
export interface RoundView {
  readonly book: Book
  /** In the order of what they allow, most first. */
  readonly bids: readonly BidRow[]
  /** Those that are leased first, then by rent. */
  readonly asks: readonly AskRow[]
}

/** Throws TypeError where the transcript is garbled. */
export function viewOf(read: ReadRound): RoundView {
  const book = openBook(read)
  const { transcript } = book
  const bids = transcript.bids.map((placed, place) => {
    const hash = book.bidHashes[place]!
    return { ...placed, hash, leases: book.byBid.get(hash) ?? [] }
  })
  const asks = transcript.asks.map((placed, place) => {
    const hash = book.askHashes[place]!
    const shadow = transcript.shadowPrices[hash]
    const shadowPrice = shadow === undefined ? null : BigInt(shadow)
    return { ...placed, hash, leases: book.byAsk.get(hash) ?? [], rent: rentOf(transcript, hash), shadowPrice }
  })
  bids.sort((one, other) => compare(BigInt(other.bid.maxPrice), BigInt(one.bid.maxPrice)))
  asks.sort((one, other) => other.leases.length - one.leases.length || compare(other.rent, one.rent))
  return { book, bids, asks }
}

function compare(one: bigint, other: bigint): number {
  return one < other ? -1 : Number(one > other)
}

/** `2 GPUs, 8 vCPUs, 16 GB, 1 h`: what a bid reserves. */
export function reservedBy(bid: PlacedBid['bid']): string {
  const gpus = bid.gpus > 0 ? [counted(bid.gpus, 'GPU')] : []
  return [...gpus, counted(bid.vcpus, 'vCPU'), formatMb(bid.memoryMb), formatDuration(bid.durationSeconds)].join(', ')
}

/** What the machine of an ask has. */
export function machineOfAsk({ profile }: PlacedAsk): string {
  return machineOf({ gpus: profile.gpus.map(({ model }) => model), vcpus: profile.cpu.cores, memoryMb: profile.memoryMb })
}

/** Hours, minutes and seconds that are not zero: exact, as prices follow from it. */
export function formatDuration(seconds: number): string {
  const parts: [number, string][] = [[Math.floor(seconds / 3_600), 'h'], [Math.floor((seconds % 3_600) / 60), 'min'], [seconds % 60, 's']]
  const said = parts.filter(([count]) => count > 0).map(([count, unit]) => `${count} ${unit}`)
  return said.join(' ') || '0 s'
}
