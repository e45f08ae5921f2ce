import type { ReactNode } from 'react'

import { Problem } from '../../market/problem'

/** Why something was not done; nothing where it was. */
export function Said({ error }: { error: Error | null }): ReactNode {
  if (!error) return null
  return (
    <p role="alert">
      {error.message} {error instanceof Problem ? error.hint : null}
    </p>
  )
}

/** What a market tells this once. */
export function Once({ label, value }: { label: string; value: string }): ReactNode {
  return (
    <div className="once" role="status">
      <p>
        <strong>{label}</strong> is shown this once. Keep it where only your program reads it.
      </p>
      <pre>{value}</pre>
      <button type="button" onClick={() => void navigator.clipboard.writeText(value)}>
        Copy it
      </button>
    </div>
  )
}
