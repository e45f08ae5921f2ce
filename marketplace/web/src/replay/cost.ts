import type { PlacedAsk, PlacedBid } from './transcript'

type Bid = PlacedBid['bid']
type Ask = PlacedAsk['ask']
export type Resources = Pick<Bid, 'gpus' | 'vcpus' | 'memoryMb' | 'durationSeconds' | 'fuel' | 'egressMb'>

export const SECONDS_PER_HOUR = 3_600n
const FUEL_PER_GFUEL = 1_000_000_000n
const MB_PER_GB = 1_000n
const BPS = 10_000n
/** Where the market's arithmetic is cut, so that it stays within 64 bits (`marketplace/clearing/engine`). */
const GREATEST_HOURLY = 1n << 40n
const GREATEST_VALUE = 1n << 44n

/** What an ask's rates come to for what a bid reserves, micro-USDC: as `marketplace/protocol/metering.py`, each line rounded up. */
export function quoteOf(ask: Ask, bid: Resources): bigint {
  const seconds = BigInt(bid.durationSeconds)
  const lines = [
    ceilDiv(BigInt(bid.gpus) * BigInt(ask.gpuHourRate) * seconds, SECONDS_PER_HOUR),
    ceilDiv(BigInt(bid.vcpus) * BigInt(ask.vcpuHourRate) * seconds, SECONDS_PER_HOUR),
    ceilDiv(BigInt(bid.memoryMb) * BigInt(ask.gbHourRate) * seconds, SECONDS_PER_HOUR * MB_PER_GB),
    ceilDiv(BigInt(bid.fuel) * BigInt(ask.gfuelRate), FUEL_PER_GFUEL),
    ceilDiv(BigInt(bid.egressMb) * BigInt(ask.egressGbRate), MB_PER_GB),
  ]
  const total = lines.reduce((sum, line) => sum + line, 0n)
  return total > BigInt(ask.minimumCharge) ? total : BigInt(ask.minimumCharge)
}

/** What one unit of an ask has: the node's totals divided by its units. */
export function unitOf({ ask, profile }: PlacedAsk): { vcpus: number; memoryMb: number; gpus: number } {
  const units = Math.max(1, ask.units)
  return {
    vcpus: Math.max(1, Math.floor(profile.cpu.cores / units)),
    memoryMb: Math.floor(profile.memoryMb / units),
    gpus: Math.floor(profile.gpus.length / units),
  }
}

/** How many units of an ask a bid takes: as many as its greatest need is shares. */
export function unitsFor(placed: PlacedAsk, bid: Bid): number {
  const unit = unitOf(placed)
  const needs: [number, number][] = [[bid.vcpus, unit.vcpus], [bid.memoryMb, unit.memoryMb], [bid.gpus, unit.gpus]]
  return Math.max(1, ...needs.map(([need, share]) => (need && share ? Math.ceil(need / share) : 1)))
}

/** The weights of a round's parameters. */
export interface Weights {
  readonly strandedWeightBps: number
  readonly standingWeightBps: number
}

/** C_idle of Formula 4.1, micro-USDC: GPUs that a lease strands and units that it leaves free. Charged to nobody. */
export function idleCostOf(placed: PlacedAsk, bid: Bid, weights: Weights): bigint {
  const stranded = Math.max(0, unitsFor(placed, bid) * unitOf(placed).gpus - bid.gpus)
  const seconds = BigInt(bid.durationSeconds)
  const hourly = least(ceilDiv(least(BigInt(placed.ask.gpuHourRate), GREATEST_HOURLY) * seconds, SECONDS_PER_HOUR), GREATEST_HOURLY)
  const standing = ceilDiv(standingRateOf(placed, weights) * seconds, SECONDS_PER_HOUR)
  return (BigInt(stranded) * hourly * BigInt(weights.strandedWeightBps)) / BPS + standing
}

function standingRateOf({ ask, profile, freeUnits }: PlacedAsk, { standingWeightBps }: Weights): bigint {
  const units = Math.max(1, ask.units)
  const free = Math.max(0, Math.min(units, freeUnits) - 1)
  return ceilDiv(BigInt(free) * BigInt(profile.fixedCostPerHour) * BigInt(standingWeightBps), BigInt(units) * BPS)
}

/** What it is worth to have a bid run at an ask, before the renter's own preferences: `maxPrice - quote - C_idle`. */
export function worthOf(placed: PlacedAsk, bid: Bid, weights: Weights): bigint {
  return least(BigInt(bid.maxPrice) - quoteOf(placed.ask, bid) - idleCostOf(placed, bid, weights), GREATEST_VALUE)
}

function ceilDiv(amount: bigint, divisor: bigint): bigint {
  return (amount + divisor - 1n) / divisor
}

function least(one: bigint, other: bigint): bigint {
  return one < other ? one : other
}
