import { getAddress, isAddress } from 'viem'

import { openBook, type Book } from './book'
import { jsonDigest } from '../protocol/canonical'
import { boundCovers, firstBroken, hasPreferences, isBoundAtShadows, nearTheBest, nobodyLoses, surplusAdds } from './certificate'
import { idleIsFree, pricesFollow, servedWhole, withinUnits, type Rule } from './feasible'
import { isOfKey, readRound, signersIn } from './hashes'
import type { ReadRound, Transcript } from './transcript'

/** What is to be checked: a transcript, and what it is said to hash to. */
export interface Claim {
  readonly transcript: Transcript
  readonly digest: string
  /** The round that it is said to be of. */
  readonly number: number
}

/** One thing that was checked. `partly`: it holds as far as a browser can see; `say` tells what it cannot. */
export interface Finding {
  readonly kind: 'finding'
  readonly name: string
  readonly state: 'holds' | 'partly' | 'fails'
  readonly say: string
}

export interface Progress {
  readonly kind: 'progress'
  readonly done: number
  readonly of: number
}

/** Signatures between two reports of how far it is. */
const OFTEN = 50

/** Check a round from its transcript alone, one finding after another; the last is about what is garbled, if anything is. */
export async function* replay(claim: Claim): AsyncGenerator<Finding | Progress> {
  try {
    yield checkDigest(claim)
    const read = await readRound(claim.transcript)
    yield checkOrders(read)
    yield* checkSignatures(read)
    yield* checkNumbers(openBook(read))
  } catch (error) {
    yield finding('The transcript can be read', `It is garbled: ${error instanceof Error ? error.message : String(error)}.`)
  }
}

/** Broken where `problem` says how. */
function finding(name: string, problem: string | null, well = '', state: Finding['state'] = 'holds'): Finding {
  return { kind: 'finding', name, state: problem === null ? state : 'fails', say: problem ?? well }
}

function checkDigest({ transcript, digest, number }: Claim): Finding {
  const actual = jsonDigest(transcript)
  const other = actual === digest ? null : `It hashes to ${actual}, the market says ${digest}.`
  const problem = transcript.round === number ? other : `It is of round ${transcript.round}, not ${number}.`
  return finding('The transcript is the one that its digest names', problem, `SHA-256 of its canonical JSON: ${actual}.`)
}

function checkOrders({ transcript, bidHashes, askHashes }: ReadRound): Finding {
  const orders = bidHashes.length + askHashes.length
  const well = `${orders} orders, each once, for this market, with the job or machine that its signer named.`
  return finding('Each order counts for what was signed', orderProblem(transcript, bidHashes, askHashes), well)
}

function orderProblem({ bids, asks, market }: Transcript, bidHashes: readonly string[], askHashes: readonly string[]): string | null {
  if (new Set(bidHashes).size < bids.length || new Set(askHashes).size < asks.length) return 'An order is listed twice.'
  for (const [place, { bid, jobSpec }] of bids.entries()) {
    if (bid.market !== market) return `Bid ${bidHashes[place]} is for another market, ${bid.market}.`
    if (jsonDigest(jobSpec) !== bid.jobDigest) return `Bid ${bidHashes[place]} was signed for another job.`
  }
  for (const [place, { ask, profile, freeUnits }] of asks.entries()) {
    if (ask.market !== market) return `Ask ${askHashes[place]} is for another market, ${ask.market}.`
    if (jsonDigest(profile) !== ask.profileDigest) return `Ask ${askHashes[place]} was signed for another machine.`
    if (freeUnits > ask.units) return `Ask ${askHashes[place]} was signed for ${ask.units} units, not ${freeUnits}.`
  }
  return null
}

async function* checkSignatures({ transcript, bidHashes, askHashes }: ReadRound): AsyncGenerator<Finding | Progress> {
  const name = 'Every order was signed by who it names'
  const orders = [
    ...transcript.bids.map(({ bid, signature }, place) => ({ hash: bidHashes[place]!, signature, signers: [bid.renter] })),
    ...transcript.asks.map(({ ask, signature }, place) => ({ hash: askHashes[place]!, signature, signers: [ask.provider, ask.agent] })),
  ]
  const signerOf = signersIn(transcript.domain)
  const ofKeys = orders.filter(({ signature }) => isOfKey(signature))
  for (const [done, { hash, signature, signers }] of ofKeys.entries()) {
    if (done % OFTEN === 0) yield { kind: 'progress', done, of: ofKeys.length }
    const signer = await signerOf(hash, signature)
    if (signer === null || !signers.some((one) => isAddress(one, { strict: false }) && getAddress(one) === signer)) {
      yield finding(name, `Order ${hash} was not signed by ${signers.join(' or ')}.`)
      return
    }
  }
  const others = orders.length - ofKeys.length
  const well = `${ofKeys.length} signatures are good.`
  const apart = `${well} ${others} are of account contracts: only the chain can say.`
  yield others === 0 ? finding(name, null, well) : finding(name, null, apart, 'partly')
}

const FEASIBLE: readonly [name: string, well: string, rule: Rule][] = [
  ['Who is served is served whole', 'All replicas or none, each with another provider, done by the deadline.', servedWhole],
  ['No node is over its units', 'No ask, and no provider, has more leases than were free.', withinUnits],
  ['Prices are quote and rent', 'Recomputed from the signed rates; no price is above what its bid allows or below what its ask says.', pricesFollow],
  ['Idle capacity has no rent', 'A node with a unit to spare charges its own rates alone.', idleIsFree],
]
/** What holds but for renters' own preferences, of which a browser cannot say what they weigh. */
const WEIGHED: readonly [name: string, well: string, rule: Rule][] = [
  ['Nobody is served at a loss', 'What each lease is worth to its renter covers the price.', nobodyLoses],
  ['The surplus adds up', 'What the matches are worth together is what the certificate says.', surplusAdds],
]

function* checkNumbers(book: Book): Generator<Finding> {
  for (const [name, well, rule] of FEASIBLE) yield finding(name, rule(book), well)
  const wishes = book.served.filter(({ bid }) => hasPreferences(bid.jobSpec)).length
  const apart = `As far as rates and limits go; what preferences weigh (${wishes} ${wishes === 1 ? 'lease has' : 'leases have'} some) is not recomputed here.`
  for (const [name, well, rule] of WEIGHED) {
    yield wishes === 0 ? finding(name, rule(book), well) : finding(name, rule(book), apart, 'partly')
  }
  const well = isBoundAtShadows(book.transcript)
    ? 'The surplus is within the bound, which is taken at shadow prices.'
    : 'The surplus is at most ε for each lease that was wanted below the bound.'
  yield finding('The certificate holds', firstBroken([nearTheBest, boundCovers], book), well)
}
