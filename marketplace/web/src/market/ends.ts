const ENDED: ReadonlySet<string> = new Set(['paid', 'failed', 'fraud', 'refunded', 'cancelled', 'expired'])

/** Whether a job in this state goes nowhere from it. */
export function hasEnded(state: string): boolean {
  return ENDED.has(state)
}

interface Told {
  readonly jobId: string
  readonly state: string
}

/** The jobs that have ended since the last look, which found these states by id; none after no look. What was not there then is new. */
export function endedSince<Row extends Told>(before: ReadonlyMap<string, string> | null, jobs: readonly Row[]): Row[] {
  return jobs.filter(({ jobId, state }) => before !== null && hasEnded(state) && !hasEnded(before.get(jobId) ?? ''))
}
