import { useId, useState, type ReactNode } from 'react'

import { programOf, readFiles } from '../../orders/programs'
import type { Blob256, Program, ProgramKind } from '../../orders/spec'

export interface Chosen {
  readonly program: Program
  readonly inputs: readonly Blob256[]
}

interface Props {
  /** The digest of the one module that may be chosen; null for any program. */
  pinned: string | null
  kind: ProgramKind
  onKind: (kind: ProgramKind) => void
  /** Name and digest of each ready-made runtime that the market's machines carry. */
  runtimes: Readonly<Record<string, string>>
  /** Whether some machine runs containers. */
  hasContainers: boolean
  maxBytes: number
  chosen: Chosen | null
  onChosen: (chosen: Chosen | null) => void
}

const EXAMPLES: Readonly<Record<string, readonly [string, string]>> = {
  python: ['main.py', 'print("hello from the market")\n'],
  javascript: ['main.js', 'console.log("hello from the market")\n'],
}
const ACCEPTS: Readonly<Record<ProgramKind, string>> = { script: '.py,.js,.mjs', module: '.wasm', container: '.tar' }
const NAMES: Readonly<Record<ProgramKind, string>> = { script: 'A script', module: 'A WebAssembly module', container: 'A container image' }

/** Which program runs, and which files it finds. Bytes stay in this browser until the upload. */
export function ProgramChoice({ pinned, kind, onKind, runtimes, hasContainers, maxBytes, chosen, onChosen }: Props): ReactNode {
  const [problem, setProblem] = useState<string | null>(null)
  const id = useId()
  const names = Object.keys(runtimes).filter((name) => name in EXAMPLES)
  const kinds: ProgramKind[] = [...(names.length > 0 ? ['script' as const] : []), 'module', ...(hasContainers ? ['container' as const] : [])]
  const take = async (files: readonly File[]) => {
    try {
      setProblem(null)
      const [file] = await readFiles(files, maxBytes)
      if (pinned && file && file.digest !== pinned) throw new Error(`${file.path} has other bytes than this module: its SHA-256 is ${file.digest}.`)
      if (file) onChosen({ program: programOf(kind, file, runtimes), inputs: chosen?.inputs ?? [] })
    } catch (thrown) {
      if (!pinned) onChosen(null) // what the registry named stays chosen
      setProblem((thrown as Error).message)
    }
  }
  const takeInputs = async (files: readonly File[]) => {
    try {
      setProblem(null)
      if (chosen) onChosen({ ...chosen, inputs: await readFiles(files, maxBytes) })
    } catch (thrown) {
      setProblem((thrown as Error).message)
    }
  }
  return (
    <div className="fields">
      {pinned ? null : (
        <fieldset>
          <legend>What runs</legend>
          {kinds.map((one) => (
            <label key={one}>
              <input type="radio" name="kind" checked={kind === one} onChange={() => onKind(one)} /> {NAMES[one]}
            </label>
          ))}
        </fieldset>
      )}
      {kind === 'script' ? (
        <div className="actions">
          {names.map((name) => (
            <button key={name} type="button" className="quiet" onClick={() => void take([exampleOf(name)])}>
              Take a {name === 'python' ? 'Python' : 'JavaScript'} example
            </button>
          ))}
        </div>
      ) : null}
      <div>
        <label htmlFor={id}>Program ({ACCEPTS[kind].replaceAll(',', ', ')})</label>
        <input id={id} key={kind} type="file" accept={ACCEPTS[kind]} onChange={(event) => void take([...(event.target.files ?? [])])} />
      </div>
      <div>
        <label htmlFor={`${id}-inputs`}>Input files, found under /in</label>
        <input id={`${id}-inputs`} type="file" multiple disabled={!chosen} onChange={(event) => void takeInputs([...(event.target.files ?? [])])} />
      </div>
      {chosen ? <Taken chosen={chosen} /> : <p className="note">At most {maxBytes.toLocaleString('en')} bytes a file. Anybody can read what is uploaded.</p>}
      {problem ? <p role="alert">{problem}</p> : null}
    </div>
  )
}

function Taken({ chosen: { program, inputs } }: { chosen: Chosen }): ReactNode {
  return (
    <ul className="files" aria-label="Chosen files">
      {[program.file, ...inputs].map((file) => (
        <li key={file.path}>
          <code>{file.path}</code>, {file.bytes.length.toLocaleString('en')} bytes
        </li>
      ))}
    </ul>
  )
}

function exampleOf(runtime: string): File {
  const [name, text] = EXAMPLES[runtime]!
  return new File([text], name)
}
