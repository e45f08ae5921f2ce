import type { Offer } from './queries'

/** What one kind of machine is offered for, in micro-USDC an hour. */
export interface ClassPrice {
  /** `CPU`, or the GPU's model. */
  readonly name: string
  readonly offers: number
  /** Units that are free now, over all offers of the class. */
  readonly free: number
  readonly units: number
  readonly cheapest: bigint
  readonly median: bigint
  /** Of what the rate is, for an hour. */
  readonly per: 'GPU' | 'vCPU'
}

/** The classes of machines that are on offer, CPUs first, then GPUs by name; a class is its first GPU's model. */
export function pricesByClass(offers: readonly Offer[]): ClassPrice[] {
  const classes = new Map<string, Offer[]>()
  for (const offer of offers) {
    if (offer.ask === null || offer.status !== 'alive') continue
    const name = offer.gpus[0] ?? 'CPU'
    classes.set(name, [...(classes.get(name) ?? []), offer])
  }
  const names = [...classes.keys()].sort((one, other) => Number(other === 'CPU') - Number(one === 'CPU') || one.localeCompare(other))
  return names.map((name) => priceOf(name, classes.get(name)!))
}

function priceOf(name: string, offers: readonly Offer[]): ClassPrice {
  const isCpu = name === 'CPU'
  const rates = offers.map((offer) => BigInt(isCpu ? offer.ask!.vcpuHourRate : offer.ask!.gpuHourRate))
  const sorted = rates.sort((one, other) => (one < other ? -1 : Number(one > other)))
  return {
    name,
    offers: offers.length,
    free: sum(offers.map((offer) => offer.freeUnits)),
    units: sum(offers.map((offer) => offer.units)),
    cheapest: sorted[0]!,
    median: sorted[Math.floor((sorted.length - 1) / 2)]!,
    per: isCpu ? 'vCPU' : 'GPU',
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0)
}
