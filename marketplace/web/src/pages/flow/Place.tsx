import { useEffect, useId, useState, type ReactNode } from 'react'
import { useLocation } from 'wouter'

import { useWallet } from '../../app/context'
import { fileName, filesOf, problemOfFiles, readyJobs } from '../../flow/files'
import type { Flow } from '../../flow/model'
import { totalOf } from '../../flow/problems'
import { useAccount, useConfig, type Config } from '../../market/queries'
import { Problem } from '../../market/problem'
import { readFiles } from '../../orders/programs'
import type { Blob256 } from '../../orders/spec'
import { Loaded } from '../../ui/states'
import { Deposit } from '../deploy/Deposit'
import { ReviewFlow } from './ReviewFlow'
import { usePlacing } from './usePlacing'

/** A workflow that nothing is wrong with, from its files to the market. */
export function Place({ flow }: { flow: Flow }): ReactNode {
  const config = useConfig()
  return (
    <Loaded query={config} what="the market's rules" lines={3}>
      {(rules) => <Of flow={flow} config={rules} />}
    </Loaded>
  )
}

function Of({ flow, config }: { flow: Flow; config: Config }): ReactNode {
  const [, go] = useLocation()
  const { account, wallet } = useWallet()
  const held = useAccount(account)
  const placing = usePlacing(config, (id) => go(`/flow/${id}`))
  const [given, setGiven] = useState<ReadonlyMap<string, Blob256>>(new Map())
  const [wrong, setWrong] = useState<string | null>(null)
  const { drop } = placing
  useEffect(drop, [drop, flow]) // bids of what it was before are not signed
  const cannot = problemOfFiles(flow)
  if (cannot) return <p className="note">{cannot}</p>
  const missing = filesOf(flow).filter((path) => !given.has(fileName(path)))
  const lacks = held.data ? (totalOf(flow) ?? 0n) - BigInt(held.data.bidFree) : 0n
  const said = hindranceOf(missing.length, account !== null, wallet !== null)
  const begin = () => {
    try {
      setWrong(null)
      void placing.begin(flow, readyJobs(flow, given, config.runtimes as Record<string, string>))
    } catch (thrown) {
      setWrong((thrown as Error).message)
    }
  }
  const { state } = placing
  const hint = placing.problem instanceof Problem ? placing.problem.hint : null
  const problem = wrong ?? placing.problem?.message
  return (
    <>
      {state.at === 'review' ? (
        <ReviewFlow state={state} total={totalOf(flow) ?? 0n} config={config} placing={placing} />
      ) : (
        <>
          <Files flow={flow} given={given} onGiven={setGiven} maxBytes={config.limits.maxBlobBytes} />
          {said === null && lacks > 0n ? (
            <Deposit missing={lacks} config={config} />
          ) : (
            <button type="button" disabled={said !== null || !held.data || state.at === 'uploading'} onClick={begin}>
              {state.at === 'uploading' ? 'Uploading…' : 'Upload and review'}
            </button>
          )}
          {said ? <p className="note">{said}</p> : null}
        </>
      )}
      {problem ? (
        <p role="alert">
          {problem} {hint}
        </p>
      ) : null}
    </>
  )
}

interface FilesProps {
  flow: Flow
  given: ReadonlyMap<string, Blob256>
  onGiven: (given: ReadonlyMap<string, Blob256>) => void
  maxBytes: number
}

function Files({ flow, given, onGiven, maxBytes }: FilesProps): ReactNode {
  const id = useId()
  const [problem, setProblem] = useState<string | null>(null)
  const take = async (files: readonly File[]) => {
    try {
      setProblem(null)
      const read = await readFiles(files, maxBytes)
      onGiven(new Map([...given, ...read.map((file) => [file.path, file] as const)]))
    } catch (thrown) {
      setProblem((thrown as Error).message)
    }
  }
  return (
    <>
      <p>
        <label htmlFor={id}>Its programs and inputs, all of them</label> <input id={id} type="file" multiple onChange={(event) => void take([...(event.target.files ?? [])])} />
      </p>
      <ul className="files" aria-label="Files of this workflow">
        {filesOf(flow).map((path) => (
          <li key={path}>
            <code>{path}</code>: {said(given.get(fileName(path)))}
          </li>
        ))}
      </ul>
      <p className="note">Anybody can read what is uploaded. Whole folders as inputs, and files that are encrypted, are for the command line.</p>
      {problem ? <p role="alert">{problem}</p> : null}
    </>
  )
}

function said(file: Blob256 | undefined): string {
  return file ? `${file.bytes.length.toLocaleString('en')} bytes` : 'still missing'
}

function hindranceOf(missing: number, hasAccount: boolean, hasWallet: boolean): string | null {
  if (missing > 0) return `${missing} ${missing === 1 ? 'file is' : 'files are'} missing.`
  if (!hasAccount) return 'Connect a wallet to go on.'
  return hasWallet ? null : 'This account is only watched. Connect its wallet to sign.'
}
