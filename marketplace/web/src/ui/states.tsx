import type { UseQueryResult } from '@tanstack/react-query'
import { Component, type ReactNode } from 'react'

import { Problem } from '../market/problem'

interface LoadedProps<T> {
  query: UseQueryResult<T>
  /** What is being loaded, as in "Loading the offers". */
  what: string
  /** Whether there is nothing to show, and what is said then. */
  empty?: { is: (data: T) => boolean; say: ReactNode }
  /** Lines that are kept free, so that nothing jumps when the data arrive. */
  lines?: number
  children: (data: T) => ReactNode
}

/** What a query has, or in its place that it loads, failed, or found nothing. Old data stay while newer ones fail. */
export function Loaded<T>({ query, what, empty, lines = 3, children }: LoadedProps<T>): ReactNode {
  if (query.data === undefined && query.error === null) return <Loading what={what} lines={lines} />
  if (query.data === undefined) return <Failed what={what} error={query.error} retry={() => void query.refetch()} />
  if (empty?.is(query.data)) return <p className="empty">{empty.say}</p>
  return (
    <>
      {query.error ? <p className="stale" role="status">Shown as last heard: {query.error.message}</p> : null}
      {children(query.data)}
    </>
  )
}

function Loading({ what, lines }: { what: string; lines: number }): ReactNode {
  return (
    <div className="loading" role="status" aria-label={`Loading ${what}`}>
      {Array.from({ length: lines }, (_, line) => (
        <span key={line} className="bone" />
      ))}
    </div>
  )
}

function Failed({ what, error, retry }: { what: string; error: Error | null; retry: () => void }): ReactNode {
  const hint = error instanceof Problem ? error.hint : null
  return (
    <div className="failed" role="alert">
      <p>
        <strong>Could not load {what}.</strong> {error?.message} {hint}
      </p>
      <button type="button" onClick={retry}>
        Try again
      </button>
    </div>
  )
}

/** Keeps a page's defect on that page. */
export class Guard extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null }

  static getDerivedStateFromError(error: Error): { error: Error } {
    return { error }
  }

  override render(): ReactNode {
    const { error } = this.state
    if (!error) return this.props.children
    return <Failed what="this page" error={error} retry={() => this.setState({ error: null })} />
  }
}
