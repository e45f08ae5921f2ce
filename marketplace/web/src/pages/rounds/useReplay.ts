import { useEffect, useState } from 'react'

import type { Claim, Finding, Progress } from '../../replay/replay'

export interface Replay {
  readonly state: 'idle' | 'running' | 'done' | 'broken'
  readonly findings: readonly Finding[]
  readonly progress: Progress | null
}

type Said = Finding | Progress | { kind: 'end' }

const IDLE: Replay = { state: 'idle', findings: [], progress: null }

/** Checks a claim in a worker, once `start` is called; leaving the page ends it. */
export function useReplay(claim: Claim): { replay: Replay; start: () => void } {
  const [replay, setReplay] = useState(IDLE)
  const [worker, setWorker] = useState<Worker | null>(null)
  useEffect(() => () => worker?.terminate(), [worker])
  const start = () => {
    const made = new Worker(new URL('../../replay/replay.worker.ts', import.meta.url), { type: 'module' })
    made.onmessage = (event: MessageEvent<Said>) => setReplay((before) => after(before, event.data))
    made.onerror = () => setReplay((before) => ({ ...before, state: 'broken' }))
    made.postMessage(claim)
    setReplay({ ...IDLE, state: 'running' })
    setWorker(made)
  }
  return { replay, start }
}

function after(before: Replay, said: Said): Replay {
  if (said.kind === 'end') return { ...before, state: 'done', progress: null }
  if (said.kind === 'progress') return { ...before, progress: said }
  return { ...before, findings: [...before.findings, said], progress: null }
}
