/** What was edited, so that it can be taken back. Immutable. */
export interface History<T> {
  readonly past: readonly T[]
  readonly now: T
  readonly future: readonly T[]
  /** What the last edit was of: the next one of the same is part of it, as letters are of a word. */
  readonly last: string | null
}

const KEPT = 200

export function historyOf<T>(now: T): History<T> {
  return { past: [], now, future: [], last: null }
}

/** After an edit. What had been taken back is gone, as a branch that nobody went. */
export function edited<T>(history: History<T>, now: T, of: string | null = null): History<T> {
  if (now === history.now) return history
  if (of !== null && of === history.last) return { ...history, now, future: [] }
  return { past: [...history.past, history.now].slice(-KEPT), now, future: [], last: of }
}

export function undone<T>(history: History<T>): History<T> {
  const now = history.past.at(-1)
  if (now === undefined) return history
  return { past: history.past.slice(0, -1), now, future: [history.now, ...history.future], last: null }
}

export function redone<T>(history: History<T>): History<T> {
  const [now, ...future] = history.future
  if (now === undefined) return history
  return { past: [...history.past, history.now], now, future, last: null }
}
