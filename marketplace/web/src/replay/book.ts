import type { Match, PlacedAsk, PlacedBid, ReadRound, Transcript } from './transcript'

/** A match with the two orders that it is of. */
export interface Served {
  readonly match: Match
  readonly bid: PlacedBid
  readonly ask: PlacedAsk
}

/** A round whose matches have found their orders. */
export interface Book extends ReadRound {
  readonly served: readonly Served[]
  /** By the hash of the bid, and of the ask. */
  readonly byBid: ReadonlyMap<string, readonly Served[]>
  readonly byAsk: ReadonlyMap<string, readonly Served[]>
}

/** Throws TypeError where a match names an order that did not take part. */
export function openBook(read: ReadRound): Book {
  const bids = new Map(read.bidHashes.map((hash, place) => [hash, read.transcript.bids[place]!]))
  const asks = new Map(read.askHashes.map((hash, place) => [hash, read.transcript.asks[place]!]))
  const served = read.transcript.matches.map((match) => {
    const [bid, ask] = [bids.get(match.bidHash), asks.get(match.askHash)]
    if (!bid || !ask) throw new TypeError(`a match is of ${bid ? `ask ${match.askHash}` : `bid ${match.bidHash}`}, which did not take part`)
    return { match, bid, ask }
  })
  return { ...read, served, byBid: grouped(served, 'bidHash'), byAsk: grouped(served, 'askHash') }
}

function grouped(served: readonly Served[], name: 'bidHash' | 'askHash'): Map<string, Served[]> {
  const groups = new Map<string, Served[]>()
  for (const one of served) {
    const group = groups.get(one.match[name])
    if (group) group.push(one)
    else groups.set(one.match[name], [one])
  }
  return groups
}

/** The rent of a unit of an ask, micro-USDC; what the transcript does not list has none. */
export function rentOf(transcript: Transcript, askHash: string): bigint {
  return BigInt(transcript.rents[askHash] ?? '0')
}

/** Leases that all bids together want. */
export function leasesWanted(transcript: Transcript): number {
  return transcript.bids.reduce((sum, { bid }) => sum + bid.replicas, 0)
}
