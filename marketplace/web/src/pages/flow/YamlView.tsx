import { useMemo, useRef, useState, type ReactNode } from 'react'

import type { Flow } from '../../flow/model'
import type { Problem } from '../../flow/problems'
import { readYaml, writeYaml, type LineError, type ReadYaml } from '../../flow/yaml'
import type { Edit } from './edit'
import { placeOf } from './Problems'

interface Props {
  flow: Flow
  edit: Edit
  problems: readonly Problem[]
}

/** What was typed, and the workflow that it says; null while it says none. */
interface Typed {
  readonly text: string
  readonly flow: Flow | null
}

/** The document that `hive workflow run` takes, to be read and written. */
export function YamlView({ flow, edit, problems }: Props): ReactNode {
  const [typed, type] = useState<Typed | null>(null)
  const area = useRef<HTMLTextAreaElement>(null)
  // What cannot be read stays until it can: nothing else may write over it.
  const text = useMemo(() => (typed && (typed.flow === null || typed.flow === flow) ? typed.text : writeYaml(flow)), [typed, flow])
  const read = useMemo(() => readYaml(text), [text])
  const errors = useMemo(() => (read.flow ? linesOf(flow, problems, read) : read.errors), [flow, problems, read])
  const change = (next: string) => {
    const found = readYaml(next).flow
    type({ text: next, flow: found })
    if (found) edit(() => found, 'yaml')
  }
  const goTo = (line: number) => {
    const start = text.split('\n').slice(0, line - 1).join('\n').length + (line > 1 ? 1 : 0)
    area.current?.focus()
    area.current?.setSelectionRange(start, start + (text.split('\n')[line - 1]?.length ?? 0))
  }
  return (
    <>
      <p className="note">
        The file that <code>hive workflow run</code> takes. Comments are not kept.
      </p>
      <Lined text={text} errors={errors}>
        <textarea
          ref={area}
          aria-label="The workflow as YAML"
          aria-invalid={errors.length > 0}
          aria-describedby="yaml-errors"
          value={text}
          rows={text.split('\n').length}
          wrap="off"
          spellCheck={false}
          onChange={(event) => change(event.target.value)}
          onKeyDown={(event) => event.stopPropagation()}
        />
      </Lined>
      <div id="yaml-errors" role="status">
        {read.flow ? null : (
          <p>
            Graph and list show the workflow as it was before this.{' '}
            <button type="button" className="link" onClick={() => type(null)}>
              Go back to that
            </button>
          </p>
        )}
        <ul className="problems">
          {errors.map(({ line, message }) => (
            <li key={`${line} ${message}`}>
              <button type="button" className="link" onClick={() => goTo(line)}>
                Line {line}
              </button>{' '}
              {message}
            </li>
          ))}
        </ul>
      </div>
    </>
  )
}

function linesOf(flow: Flow, problems: readonly Problem[], read: ReadYaml): LineError[] {
  const found = problems.map(({ path, message }) => ({ line: read.lineOf(path), message: `${placeOf(flow, path)}: ${message}` }))
  return found.sort((one, other) => one.line - other.line)
}

function Lined({ text, errors, children }: { text: string; errors: readonly LineError[]; children: ReactNode }): ReactNode {
  const wrong = new Set(errors.map(({ line }) => line))
  return (
    <div className="lined" role="group" aria-label="Document">
      <div className="line-numbers" aria-hidden="true">
        {text.split('\n').map((_, at) => (
          <span key={at} className={wrong.has(at + 1) ? 'bad' : undefined}>
            {at + 1}
          </span>
        ))}
      </div>
      {children}
    </div>
  )
}
