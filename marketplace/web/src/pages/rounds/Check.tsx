import type { ReactNode } from 'react'

import type { Claim, Finding } from '../../replay/replay'
import { useReplay, type Replay } from './useReplay'

const MARKS: Readonly<Record<Finding['state'], readonly [mark: string, word: string]>> = {
  holds: ['✓', 'holds'],
  partly: ['◐', 'holds as far as can be seen here'],
  fails: ['✗', 'does not hold'],
}

/** The round, checked by the visitor's own browser; and the command that clears it anew. */
export function Check({ claim }: { claim: Claim }): ReactNode {
  const { replay, start } = useReplay(claim)
  const isRunning = replay.state === 'running'
  return (
    <>
      <p>
        Your browser can check this round from its transcript: hashes, signatures, units, prices and the certificate. The market is asked
        nothing more for it.
      </p>
      <button type="button" disabled={isRunning} onClick={start}>
        {isRunning ? 'Checking…' : replay.state === 'idle' ? 'Check this round' : 'Check again'}
      </button>
      <ol className="findings">
        {replay.findings.map((one) => (
          <li key={one.name} className={one.state}>
            <span aria-hidden="true">{MARKS[one.state][0]}</span>
            <div>
              <strong>{one.name}</strong>
              <span className="unseen"> {MARKS[one.state][1]}</span>
              <p className="note">{one.say}</p>
            </div>
          </li>
        ))}
      </ol>
      <p role="status">{verdictOf(replay)}</p>
      <p className="note">
        Which nodes each bid could have used, and so that no other clearing was better than the bound says, takes the market's own program.
        It clears the round anew, and looks the digest up on chain:
      </p>
      <pre className="command">
        <code>hive verify round {claim.number}</code>
      </pre>
    </>
  )
}

function verdictOf({ state, findings, progress }: Replay): string {
  if (state === 'broken') return 'The check could not run in this browser.'
  if (progress) return `${progress.done.toLocaleString('en')} of ${progress.of.toLocaleString('en')} signatures`
  if (state !== 'done') return ''
  const bad = findings.filter((one) => one.state === 'fails').length
  if (bad === 0) return 'Everything that was checked holds.'
  return `${bad === 1 ? 'One thing does' : `${bad} things do`} not hold. Keep the transcript: it is evidence.`
}
