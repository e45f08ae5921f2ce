/** Blocks asked for at once: what public nodes answer. */
export const SPAN = 5_000n

/** Block ranges from `first` to `last`, both with them, newest first: what is open was opened lately. */
export function spansOf(first: bigint, last: bigint, span = SPAN): [bigint, bigint][] {
  const spans: [bigint, bigint][] = []
  for (let to = last; to >= first; to -= span) spans.push([to - span + 1n > first ? to - span + 1n : first, to])
  return spans
}
