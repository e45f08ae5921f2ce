import type { Answer } from '../../market/queries'

/** Micro-USDC in decimal strings; null of a bid that the machine cannot serve, and `undercut` of one that no lower quote would have won. */
export interface BidView extends Omit<Answer<'explain_ask'>['bids'][number], 'quote' | 'price' | 'undercut'> {
  readonly quote: string | null
  readonly price: string | null
  readonly undercut: string | null
}

/** What became of a bid, as a person says it; `hive provider bids` has the same words. */
export const FATES: Readonly<Record<string, string>> = {
  won: 'won',
  unfit: 'cannot be served here',
  dear: 'above its limit',
  steered: 'preferences weigh more',
  full: 'units went to others',
  beaten: 'another node was better',
  left: 'left out',
}

/** By how many percent of these rates lower, and how many more bids that would have won, each for itself. */
export interface Lower {
  readonly percent: number
  readonly bids: number
}

const STEPS = [5, 10, 20, 50]

/** What lower rates would have won of bids that were lost by price alone. */
export function adviceOf(views: readonly BidView[]): Lower[] {
  const lost = views.flatMap(({ quote, undercut }) => (quote && undercut && BigInt(quote) > 0n ? [{ quote: BigInt(quote), undercut: BigInt(undercut) }] : []))
  return STEPS.map((percent) => ({ percent, bids: lost.filter(({ quote, undercut }) => undercut * 100n <= quote * BigInt(percent)).length }))
}

/** How many of each fate there are, most first. */
export function countFates(views: readonly BidView[]): [string, number][] {
  const counts = new Map<string, number>()
  for (const { fate } of views) counts.set(fate, (counts.get(fate) ?? 0) + 1)
  return [...counts].sort(([, one], [, other]) => other - one)
}
