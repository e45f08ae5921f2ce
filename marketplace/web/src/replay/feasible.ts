import { rentOf, type Book, type Served } from './book'
import { quoteOf, unitsFor } from './cost'

/** The first thing in a round that breaks a rule, in words; null where the rule holds. */
export type Rule = (book: Book) => string | null

/** Who is served has what it signed for: each replica a lease, each with another provider, in time. */
export const servedWhole: Rule = ({ byBid, transcript }) => {
  for (const [hash, leases] of byBid) {
    const { bid, jobSpec } = leases[0]!.bid
    if (leases.length !== bid.replicas) return `Bid ${hash} wants ${bid.replicas} leases and has ${leases.length}.`
    if (new Set(leases.map(providerOf)).size !== leases.length) return `Two leases of bid ${hash} have one provider.`
    const end = Math.max(transcript.closesAt, jobSpec.schedule?.notBefore ?? 0) + bid.durationSeconds
    if (end > bid.deadline) return `Bid ${hash} cannot have run by its deadline.`
  }
  return null
}

/** No node is over its units: neither an ask, nor a provider by the smallest of its asks that are used. */
export const withinUnits: Rule = ({ served, byAsk }) => {
  for (const { match, bid, ask } of served) {
    const units = unitsFor(ask, bid.bid)
    if (match.units !== units) return `Bid ${match.bidHash} takes ${units} units of its node, not ${match.units}.`
  }
  for (const [hash, leases] of byAsk) {
    const free = leases[0]!.ask.freeUnits
    if (unitsOf(leases) > free) return `Ask ${hash} has ${free} free units, its leases take ${unitsOf(leases)}.`
  }
  return providersWithin(served)
}

function providersWithin(served: readonly Served[]): string | null {
  const taken = new Map<string, { units: number; free: number }>()
  for (const one of served) {
    const { units, free } = taken.get(providerOf(one)) ?? { units: 0, free: one.ask.freeUnits }
    taken.set(providerOf(one), { units: units + one.match.units, free: Math.min(free, one.ask.freeUnits) })
  }
  for (const [provider, { units, free }] of taken) {
    if (units > free) return `Provider ${provider} may have ${free} units leased, its leases take ${units}.`
  }
  return null
}

/** Each price is the quote at the ask's own rates and the node's rent, and within what the bid allows. */
export const pricesFollow: Rule = ({ transcript, served }) => {
  for (const { match, bid, ask } of served) {
    const quote = quoteOf(ask.ask, bid.bid)
    const rent = rentOf(transcript, match.askHash) * BigInt(match.units)
    if (BigInt(match.quote) !== quote) return `The rates of bid ${match.bidHash}'s node come to ${quote}, not ${match.quote}.`
    if (BigInt(match.rent) !== rent) return `The rent of bid ${match.bidHash} is ${rent}, not ${match.rent}.`
    if (BigInt(match.price) !== quote + rent) return `The price of bid ${match.bidHash} is not quote and rent.`
    if (quote + rent > BigInt(bid.bid.maxPrice)) return `Bid ${match.bidHash} pays more than the ${bid.bid.maxPrice} that it allows.`
  }
  return null
}

/** No rent is negative, and a node with an idle unit has none. */
export const idleIsFree: Rule = ({ transcript, askHashes, byAsk }) => {
  for (const [place, hash] of askHashes.entries()) {
    const rent = rentOf(transcript, hash)
    if (rent < 0n || BigInt(transcript.shadowPrices[hash] ?? '0') < 0n) return `A rent of ask ${hash} is negative.`
    const idle = transcript.asks[place]!.freeUnits - unitsOf(byAsk.get(hash) ?? [])
    if (rent > 0n && idle > 0) return `Ask ${hash} has ${idle} idle units and a rent of ${rent}.`
  }
  return null
}

function unitsOf(leases: readonly Served[]): number {
  return leases.reduce((sum, { match }) => sum + match.units, 0)
}

function providerOf({ ask }: Served): string {
  return ask.ask.provider.toLowerCase()
}
