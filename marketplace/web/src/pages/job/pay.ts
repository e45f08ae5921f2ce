/** An amount as the interface writes it: a decimal string, or a number where 32 bits are enough. */
export type Whole = string | number

export interface AskRates {
  readonly gpuHourRate: Whole
  readonly vcpuHourRate: Whole
  readonly gbHourRate: Whole
  readonly gfuelRate: Whole
  readonly egressGbRate: Whole
  readonly minimumCharge: Whole
}

/** What a bid reserves: counts, MB, seconds, fuel, MB sent out. */
export interface Reserved {
  readonly gpus: Whole
  readonly vcpus: Whole
  readonly memoryMb: Whole
  readonly durationSeconds: Whole
  readonly fuel: Whole
  readonly egressMb: Whole
}

export interface Attested {
  readonly fuel: Whole
  readonly egressBytes: Whole
  readonly wallSeconds: Whole
}

interface Amounts {
  readonly seconds: bigint
  readonly fuel: bigint
  readonly egressMb: bigint
}

/** What the reserved resources cost at an ask's rates, in micro-USDC: each line rounded up, at least the minimum. */
export function quoteOf(ask: AskRates, bid: Reserved): bigint {
  return quote(ask, bid, { seconds: BigInt(bid.durationSeconds), fuel: BigInt(bid.fuel), egressMb: BigInt(bid.egressMb) })
}

/** The gross pay in micro-USDC for what was used, by docs/protocol.md "Quote and pay"; never above the price.
 *
 * Null where more was used than is reserved, which pays nothing. */
export function payOf(ask: AskRates, bid: Reserved, attested: Attested, price: bigint): bigint | null {
  const used = usedOf(bid, attested)
  const reserved = quoteOf(ask, bid)
  if (used === null) return null
  if (reserved === 0n) return 0n
  return least(price, (quote(ask, bid, used) * price) / reserved)
}

function usedOf(bid: Reserved, attested: Attested): Amounts | null {
  const [seconds, fuel] = [BigInt(bid.durationSeconds), BigInt(bid.fuel)]
  const [fuelUsed, egressMb] = [BigInt(attested.fuel), up(BigInt(attested.egressBytes), 1_000_000n)]
  if (fuelUsed > fuel || egressMb > BigInt(bid.egressMb)) return null
  // Seconds of another machine cannot be checked, fuel can: where it is reserved, time follows from it.
  const charged = fuel > 0n ? up(seconds * fuelUsed, fuel) : least(BigInt(attested.wallSeconds), seconds)
  return { seconds: charged, fuel: fuelUsed, egressMb }
}

function quote(ask: AskRates, bid: Reserved, { seconds, fuel, egressMb }: Amounts): bigint {
  const lines =
    up(BigInt(bid.gpus) * BigInt(ask.gpuHourRate) * seconds, 3_600n) +
    up(BigInt(bid.vcpus) * BigInt(ask.vcpuHourRate) * seconds, 3_600n) +
    up(BigInt(bid.memoryMb) * BigInt(ask.gbHourRate) * seconds, 3_600_000n) +
    up(fuel * BigInt(ask.gfuelRate), 1_000_000_000n) +
    up(egressMb * BigInt(ask.egressGbRate), 1_000n)
  const minimum = BigInt(ask.minimumCharge)
  return lines > minimum ? lines : minimum
}

function up(value: bigint, by: bigint): bigint {
  return (value + by - 1n) / by
}

function least(one: bigint, other: bigint): bigint {
  return one < other ? one : other
}
