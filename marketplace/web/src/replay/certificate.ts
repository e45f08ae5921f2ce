import { leasesWanted, rentOf, type Book } from './book'
import { worthOf } from './cost'
import type { Rule } from './feasible'
import type { Transcript } from './transcript'

/**
 * The surplus is what the matches are worth: Σ (maxPrice − quote − C_idle), less what renters' own preferences weigh.
 *
 * What preferences weigh follows from tables of regions that a browser does not have: where a bid that was served has
 * any, the sum can only be too large by that, never too small.
 */
export const surplusAdds: Rule = ({ transcript, served }) => {
  const claimed = BigInt(transcript.certificate.surplus)
  const worth = served.reduce((sum, { bid, ask }) => sum + worthOf(ask, bid.bid, transcript.parameters), 0n)
  const isExact = !served.some(({ bid }) => hasPreferences(bid.jobSpec))
  if (claimed > worth || (isExact && claimed !== worth)) return `The matches are worth ${worth}, not ${claimed}.`
  return null
}

/** Whether a job's renter put a price on anything but the job. */
export function hasPreferences(jobSpec: Transcript['bids'][number]['jobSpec']): boolean {
  const wishes = jobSpec.preferences
  if (!wishes) return false
  return wishes.carbonPricePerKg > 0 || [wishes.latency, wishes.locality, wishes.data].some((list) => list.length > 0)
}

/** No price is a loss: what each match is worth covers its rent. */
export const nobodyLoses: Rule = ({ transcript, served }) => {
  for (const { match, bid, ask } of served) {
    const left = worthOf(ask, bid.bid, transcript.parameters) - rentOf(transcript, match.askHash) * BigInt(match.units)
    if (left < 0n) return `Bid ${match.bidHash} is at a loss of ${-left}.`
  }
  return null
}

/**
 * The surplus is within its bound, and not further below it than ε for each lease that was wanted.
 *
 * By linear programming duality `optimum <= bound`. With idle units free, `bound - surplus` at the rents that are
 * charged is what all replicas together would gain elsewhere, at most ε each. Where the bound was taken at shadow
 * prices instead, only the first half follows.
 */
export const nearTheBest: Rule = ({ transcript }) => {
  const { surplus, bound, epsilon } = transcript.certificate
  const gap = BigInt(bound) - BigInt(surplus)
  if (gap < 0n) return `The surplus ${surplus} is above its bound ${bound}.`
  if (isBoundAtShadows(transcript)) return null
  const most = BigInt(epsilon) * BigInt(leasesWanted(transcript))
  return gap > most ? `The surplus is ${gap} below its bound; epsilon allows ${most}.` : null
}

export function isBoundAtShadows({ shadowPrices }: Transcript): boolean {
  return Object.keys(shadowPrices).length > 0
}

/** The bound counts each node's units at their price, and what each match leaves: less than that it cannot be. */
export const boundCovers: Rule = ({ transcript, askHashes, served }) => {
  const prices = isBoundAtShadows(transcript) ? transcript.shadowPrices : transcript.rents
  const priceOf = (hash: string) => BigInt(prices[hash] ?? '0')
  let least = askHashes.reduce((sum, hash, place) => sum + priceOf(hash) * BigInt(transcript.asks[place]!.freeUnits), 0n)
  for (const { match, bid, ask } of served) {
    const left = worthOf(ask, bid.bid, transcript.parameters) - priceOf(match.askHash) * BigInt(match.units)
    if (left > 0n && !hasPreferences(bid.jobSpec)) least += left
  }
  const { bound } = transcript.certificate
  return BigInt(bound) < least ? `The bound ${bound} is below ${least}, which follows from the round's own numbers.` : null
}

/** What the first of the rules that does not hold says; null where all do. */
export function firstBroken(rules: readonly Rule[], book: Book): string | null {
  for (const rule of rules) {
    const broken = rule(book)
    if (broken !== null) return broken
  }
  return null
}
