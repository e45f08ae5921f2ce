import { hoursOf } from '../../market/history'
import { quoteOf, unitOf, type Resources } from '../../replay/cost'
import type { Book } from '../../replay/book'

/** One order as a step of a curve: how much of a resource, and at what price of one for an hour. */
export interface Step {
  readonly hash: string
  /** The job's name, or the machine's region. Written by strangers. */
  readonly label: string
  /** GPUs, or vCPUs. */
  readonly amount: number
  /** Micro-USDC for one and an hour. */
  readonly micro: number
  readonly isServed: boolean
}

/** Supply and demand of one kind of capacity in a round. */
export interface Curves {
  readonly per: 'GPU' | 'vCPU'
  /** Dearest first. */
  readonly demand: readonly Step[]
  /** Cheapest first. */
  readonly supply: readonly Step[]
  /** What those who were served pay on average, weighed by what they hold; null where nobody was. */
  readonly paid: number | null
}

/** Both kinds, GPUs first; a kind without orders is left out. */
export function curvesOf(book: Book): Curves[] {
  return (['GPU', 'vCPU'] as const).map((per) => curveOf(book, per)).filter(({ demand, supply }) => demand.length + supply.length > 0)
}

function curveOf(book: Book, per: Curves['per']): Curves {
  const isGpu = per === 'GPU'
  const { bids, asks } = book.transcript
  const wanted = bids.flatMap((placed, place) => (placed.bid.gpus > 0 === isGpu ? [{ ...placed, hash: book.bidHashes[place]! }] : []))
  const offered = asks.flatMap((placed, place) => (unitOf(placed).gpus > 0 === isGpu ? [{ placed, hash: book.askHashes[place]! }] : []))
  const job = typicalJob(wanted.map(({ bid }) => bid), isGpu)
  const demand = wanted.map(({ bid, jobSpec, hash }) => ({
    hash,
    label: jobSpec.name || 'unnamed',
    amount: Math.max(1, isGpu ? bid.gpus : bid.vcpus) * bid.replicas,
    micro: Number(bid.maxPrice) / hoursOf(bid),
    isServed: book.byBid.has(hash),
  }))
  const supply = offered
    .map(({ placed, hash }) => ({
      hash,
      label: placed.profile.region,
      amount: placed.freeUnits * (isGpu ? unitOf(placed).gpus : unitOf(placed).vcpus),
      micro: Number(quoteOf(placed.ask, job)) / hoursOf(job),
      isServed: book.byAsk.has(hash),
    }))
    .filter(({ amount }) => amount > 0)
  demand.sort((one, other) => other.micro - one.micro)
  supply.sort((one, other) => one.micro - other.micro)
  return { per, demand, supply, paid: paidIn(book, isGpu) }
}

/** The middle of what jobs of a kind want of each resource; an hour of one GPU or vCPU alone where nobody wants any. */
function typicalJob(bids: readonly Resources[], isGpu: boolean): Resources {
  const one = { gpus: Number(isGpu), vcpus: Number(!isGpu), memoryMb: 0, durationSeconds: 3_600, fuel: 0, egressMb: 0 }
  if (bids.length === 0) return one
  const middle = (of: (bid: Resources) => number) => bids.map(of).sort((less, more) => less - more)[Math.floor((bids.length - 1) / 2)]!
  return {
    gpus: middle(({ gpus }) => gpus),
    vcpus: middle(({ vcpus }) => vcpus),
    memoryMb: middle(({ memoryMb }) => memoryMb),
    durationSeconds: middle(({ durationSeconds }) => durationSeconds),
    fuel: middle(({ fuel }) => Number(fuel)),
    egressMb: middle(({ egressMb }) => egressMb),
  }
}

function paidIn({ served }: Book, isGpu: boolean): number | null {
  const leases = served.filter(({ bid }) => bid.bid.gpus > 0 === isGpu)
  if (leases.length === 0) return null
  const hours = leases.reduce((sum, { bid }) => sum + hoursOf(bid.bid), 0)
  return leases.reduce((sum, { match }) => sum + Number(match.price), 0) / hours
}

/** Corners of a staircase from 0 on, as far as `most`: `[amount so far, price]`. */
export function corners(steps: readonly Step[], most = Infinity): [number, number][] {
  let reached = 0
  const found: [number, number][] = []
  for (const { amount, micro } of steps) {
    if (reached >= most) break
    found.push([reached, micro], [Math.min(reached + amount, most), micro])
    reached += amount
  }
  return found
}

/** A round number a little above, and the marks of an axis up to it. */
export function marksUpTo(most: number, wanted = 4): number[] {
  if (!(most > 0)) return [0, 1]
  const raw = most / wanted
  const size = 10 ** Math.floor(Math.log10(raw))
  const step = ([1, 2, 2.5, 5, 10].find((one) => one * size >= raw) ?? 10) * size
  const count = Math.ceil(most / step - 1e-9)
  return Array.from({ length: count + 1 }, (_, mark) => mark * step)
}

/** How far the axes go: so far that where supply and demand meet can be seen; what lies beyond is cut off. */
export interface Extent {
  readonly amount: number
  readonly micro: number
  readonly isCut: boolean
}

/** Much more than what anybody pays or wants is cut off: one bid of a hundred times the price would hide all else. */
export function extentOf({ demand, supply, paid }: Curves): Extent {
  const [wanted, offered] = [total(demand), total(supply)]
  const dearest = Math.max(0, ...demand.map(({ micro }) => micro), ...supply.map(({ micro }) => micro))
  const middle = Math.max(paid ?? 0, supply[Math.floor((supply.length - 1) / 2)]?.micro ?? 0, demand[Math.floor(demand.length / 2)]?.micro ?? 0)
  const micro = Math.min(dearest, middle * 3)
  const amount = wanted > 0 && offered > 0 ? Math.min(Math.max(wanted, offered), wanted * 4) : Math.max(wanted, offered)
  return { amount, micro, isCut: micro < dearest || amount < Math.max(wanted, offered) }
}

export function total(steps: readonly Step[]): number {
  return steps.reduce((sum, { amount }) => sum + amount, 0)
}
