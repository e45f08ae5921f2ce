import { cpuFirst } from '../../market/history'
import type { RoundRates } from '../../market/rounds'
import type { Line } from '../../ui/LineChart'

/** Classes of machines in one picture, at most: more lines than that cannot be told apart. */
const MOST_LINES = 6

/** A line for each class of a kind; those of most leases where there are too many. */
export function linesOf(found: readonly RoundRates[], per: 'GPU' | 'vCPU'): { xs: number[]; lines: Line[] } {
  const rounds = found.filter(({ rates }) => rates.some((one) => one.per === per))
  const leases = new Map<string, number>()
  for (const one of rounds.flatMap(({ rates }) => rates)) {
    if (one.per === per) leases.set(one.name, (leases.get(one.name) ?? 0) + one.leases)
  }
  const names = [...leases.keys()].sort((one, other) => leases.get(other)! - leases.get(one)!).slice(0, MOST_LINES)
  const lines = names.sort(cpuFirst).map((name) => ({
    name,
    values: rounds.map(({ rates }) => rates.find((one) => one.name === name)?.micro ?? null),
  }))
  return { xs: rounds.map(({ number }) => number), lines }
}
