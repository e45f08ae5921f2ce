import type { Answer } from '../market/queries'

type Written = Answer<'show_transcript'>

/** All that went into a round and all that came out. Amounts are micro-USDC in decimal strings; rents are of a unit, by ask. */
export interface Transcript extends Omit<Written, 'rents' | 'shadowPrices'> {
  readonly rents: Readonly<Record<string, string>>
  /** At which the bound was taken, where they are not the rents; nobody is charged them. */
  readonly shadowPrices: Readonly<Record<string, string>>
}

export type PlacedBid = Transcript['bids'][number]
export type PlacedAsk = Transcript['asks'][number]
export type Match = Transcript['matches'][number]

/** A transcript whose orders have their names: the hashes by which matches and rents speak of them. */
export interface ReadRound {
  readonly transcript: Transcript
  /** In the order of the transcript's bids, and of its asks. */
  readonly bidHashes: readonly string[]
  readonly askHashes: readonly string[]
}
