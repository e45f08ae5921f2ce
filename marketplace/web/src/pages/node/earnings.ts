/** What counts of a lease that has ended: micro-USDC, net of the fee; Unix seconds. */
export interface Ended {
  readonly paid: bigint
  readonly closedAt: number
  /** `paid`, `failed`, `fraud`, or `none` of one that nobody judged in time. */
  readonly outcome: string
}

export interface Earnings {
  readonly earned: bigint
  readonly leases: number
  readonly paid: number
  /** Over which the hours run, Unix seconds. */
  readonly since: number
  /** Micro-USDC; null before an hour is over. */
  readonly perHour: bigint | null
  /** Null where the machine has no GPU, too. */
  readonly perGpuHour: bigint | null
  /** By day (UTC), oldest first. */
  readonly days: readonly { readonly day: string; readonly leases: number; readonly earned: bigint }[]
}

export const SECONDS_PER_HOUR = 3_600

/**
 * What leases that ended from `from` until `now` brought, as `hive provider earnings` counts: by the hours of the clock from
 * `opened`, when the first of them was opened (null: nobody knows), or from `from` where that was earlier. A machine that stood idle or was off
 * earned less an hour.
 */
export function sumUp(all: readonly Ended[], { now, from, opened, gpus }: { now: number; from: number; opened: number | null; gpus: number }): Earnings {
  const ended = all.filter(({ closedAt }) => closedAt >= from && closedAt <= now)
  const earned = sum(ended)
  const since = ended.length > 0 && opened !== null ? Math.max(from, opened) : now
  const seconds = now - since
  const perHour = seconds >= SECONDS_PER_HOUR ? rounded(earned * BigInt(SECONDS_PER_HOUR), BigInt(seconds)) : null
  const perGpuHour = perHour !== null && gpus > 0 ? rounded(earned * BigInt(SECONDS_PER_HOUR), BigInt(seconds * gpus)) : null
  return { earned, leases: ended.length, paid: ended.filter(({ outcome }) => outcome === 'paid').length, since, perHour, perGpuHour, days: byDay(ended) }
}

function byDay(ended: readonly Ended[]): Earnings['days'] {
  const days = new Map<string, Ended[]>()
  for (const one of ended) {
    const day = new Date(one.closedAt * 1000).toISOString().slice(0, 10)
    days.set(day, [...(days.get(day) ?? []), one])
  }
  return [...days.keys()].sort().map((day) => ({ day, leases: days.get(day)!.length, earned: sum(days.get(day)!) }))
}

function sum(ended: readonly Ended[]): bigint {
  return ended.reduce((total, { paid }) => total + paid, 0n)
}

function rounded(amount: bigint, by: bigint): bigint {
  return (2n * amount + by) / (2n * by)
}
