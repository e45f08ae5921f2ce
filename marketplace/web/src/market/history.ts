import { openBook, type Served } from '../replay/book'
import type { PlacedAsk, PlacedBid, ReadRound } from '../replay/transcript'

/** What one kind of machine cost in a round: all that its leases pay, divided by what they hold and for how long. */
export interface ClassRate {
  /** `CPU`, or the GPU's model. */
  readonly name: string
  readonly per: 'GPU' | 'vCPU'
  /** Micro-USDC for one of it and an hour. */
  readonly micro: number
  readonly leases: number
}

/** The class of a lease: its node's first GPU where it has GPUs, else `CPU`. */
export function classOf(bid: PlacedBid['bid'], ask: PlacedAsk): string {
  return bid.gpus > 0 ? (ask.profile.gpus[0]?.model ?? 'GPU') : 'CPU'
}

/** GPUs, or of a job without any vCPUs, that a bid holds, times its hours. */
export function hoursOf(bid: Pick<PlacedBid['bid'], 'gpus' | 'vcpus' | 'durationSeconds'>): number {
  return (Math.max(1, bid.gpus || bid.vcpus) * Math.max(1, bid.durationSeconds)) / 3_600
}

/** What each class cost in a round, CPUs first, then GPUs by name. */
export function ratesOf(read: ReadRound): ClassRate[] {
  const classes = new Map<string, Served[]>()
  for (const one of openBook(read).served) {
    const name = classOf(one.bid.bid, one.ask)
    classes.set(name, [...(classes.get(name) ?? []), one])
  }
  return [...classes.keys()].sort(cpuFirst).map((name) => rateOf(name, classes.get(name)!))
}

export function cpuFirst(one: string, other: string): number {
  return Number(other === 'CPU') - Number(one === 'CPU') || one.localeCompare(other)
}

function rateOf(name: string, leases: readonly Served[]): ClassRate {
  const paid = leases.reduce((sum, { match }) => sum + Number(match.price), 0)
  const hours = leases.reduce((sum, { bid }) => sum + hoursOf(bid.bid), 0)
  return { name, per: name === 'CPU' ? 'vCPU' : 'GPU', micro: paid / hours, leases: leases.length }
}
