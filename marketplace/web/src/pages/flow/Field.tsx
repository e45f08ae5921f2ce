import { useEffect, useState, type ReactNode } from 'react'

import type { Path, Problem } from '../../flow/problems'
import { idAt } from './edit'

interface Props {
  /** Which part of the document it edits. */
  path: Path
  label: string
  value: string
  set: (value: string) => void
  problems: readonly Problem[]
  /** What it is where nothing is said. */
  placeholder?: string
  /** Whether what is typed counts only once the field is left, or Enter is pressed. */
  isLate?: boolean
  /** A choice of these in place of free text. */
  choices?: readonly { readonly value: string; readonly text: string }[]
}

/** What is wrong with a part of the document, in one line; empty where nothing is. */
export function wrongAt(problems: readonly Problem[], path: Path): string {
  const found = problems.filter((one) => path.every((part, at) => one.path[at] === part))
  return found.map(({ message }) => message).join(' ')
}

/** One field of the document, with what is wrong with it. */
export function Field({ path, label, value, set, problems, placeholder, isLate, choices }: Props): ReactNode {
  const wrong = wrongAt(problems, path)
  const id = idAt(path)
  const common = { id, 'aria-invalid': wrong !== '', 'aria-describedby': wrong ? `${id}-wrong` : undefined }
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {choices ? (
        <select {...common} value={value} onChange={(event) => set(event.target.value)}>
          {choices.some((one) => one.value === value) ? null : <option value={value}>{value || 'nothing chosen'}</option>}
          {choices.map((one) => (
            <option key={one.value} value={one.value}>
              {one.text}
            </option>
          ))}
        </select>
      ) : isLate ? (
        <Late {...common} value={value} set={set} />
      ) : (
        <input {...common} value={value} placeholder={placeholder} spellCheck={false} autoComplete="off" onChange={(event) => set(event.target.value)} />
      )}
      <Wrong id={`${id}-wrong`} text={wrong} />
    </div>
  )
}

function Late({ value, set, ...common }: { id: string; value: string; set: (value: string) => void }): ReactNode {
  const [typed, type] = useState(value)
  useEffect(() => type(value), [value])
  return (
    <input
      {...common}
      value={typed}
      spellCheck={false}
      autoComplete="off"
      onChange={(event) => type(event.target.value)}
      onBlur={() => typed !== value && set(typed)}
      onKeyDown={(event) => {
        if (event.key === 'Enter' && typed !== value) set(typed)
        if (event.key === 'Escape') type(value)
      }}
    />
  )
}

interface LinesProps {
  path: Path
  label: string
  lines: readonly string[]
  set: (lines: string[]) => void
  problems: readonly Problem[]
}

/** A list, one item a line. */
export function Lines({ path, label, lines, set, problems }: LinesProps): ReactNode {
  const id = idAt(path)
  const [typed, type] = useState<string | null>(null)
  const wrong = wrongAt(problems, path)
  const kept = lines.join('\n')
  // An item that has a line break of its own would be two here.
  const isWhole = lines.every((one) => !one.includes('\n'))
  const text = typed !== null && linesOf(typed).join('\n') === kept ? typed : kept
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <textarea
        id={id}
        rows={Math.max(2, Math.min(6, lines.length + 1))}
        value={text}
        disabled={!isWhole}
        spellCheck={false}
        aria-invalid={wrong !== ''}
        aria-describedby={`${id}-wrong`}
        onChange={(event) => {
          type(event.target.value)
          set(linesOf(event.target.value))
        }}
        onBlur={() => type(null)}
      />
      <Wrong id={`${id}-wrong`} text={wrong || (isWhole ? '' : 'Has line breaks: edit it in the YAML.')} />
    </div>
  )
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '')
}

function Wrong({ id, text }: { id: string; text: string }): ReactNode {
  return (
    <p id={id} className="wrong">
      {text}
    </p>
  )
}
