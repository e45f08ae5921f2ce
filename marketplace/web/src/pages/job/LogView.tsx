import { useEffect, useRef, useState, type ReactNode } from 'react'

import { useSession } from '../../app/context'
import { keyOf, type Log, type StreamName } from './logs'
import { useResult, type Job } from './queries'
import { replicaOf } from './replicas'
import { useLogs } from './useLogs'

const STREAMS: readonly (readonly [StreamName, string])[] = [
  ['stdout', 'Standard output'],
  ['stderr', 'Standard error'],
]

/** What the job's program prints, as it prints it. */
export function LogView({ job }: { job: Job }): ReactNode {
  const { logs, withheld, state } = useLogs(job.jobId)
  const leases = job.leases.filter(({ leaseId }) => STREAMS.some(([stream]) => logs.has(keyOf(leaseId, stream))))
  return (
    <section aria-labelledby="logs">
      <h2 id="logs">Logs</h2>
      {withheld ? <p className="note">{withheld}</p> : null}
      {state === 'lost' ? <p role="status" className="note">The stream is away. It goes on where it broke off.</p> : null}
      {leases.length === 0 ? <p className="empty">{state === 'over' ? 'The job printed nothing that is kept.' : 'Nothing was printed yet.'}</p> : null}
      {leases.map(({ leaseId }) => (
        <div key={leaseId}>
          {STREAMS.map(([stream, title]) => {
            const log = logs.get(keyOf(leaseId, stream))
            return log && (log.bytes > 0 || stream === 'stdout') ? <Stream key={stream} job={job} leaseId={leaseId} stream={stream} title={title} log={log} /> : null
          })}
        </div>
      ))}
    </section>
  )
}

interface StreamProps {
  job: Job
  leaseId: string
  stream: StreamName
  title: string
  log: Log
}

function Stream({ job, leaseId, stream, title, log }: StreamProps): ReactNode {
  const [follows, setFollows] = useState(true)
  const box = useRef<HTMLPreElement>(null)
  useEffect(() => {
    if (follows && box.current) box.current.scrollTop = box.current.scrollHeight
  }, [follows, log.tail])
  const shown = new TextEncoder().encode(log.tail).length
  const replica = replicaOf(job, leaseId)
  const name = replica ? `${replica}: ${title.toLowerCase()}` : title
  return (
    <>
      <h3>
        {name} <span className="note">{log.isAttested ? 'as attested' : 'not attested yet: it proves nothing'}</span>
      </h3>
      <pre ref={box} className="log" tabIndex={0} role="region" aria-label={name}>
        {log.tail || 'Nothing.'}
      </pre>
      <p className="logbar">
        <label>
          <input type="checkbox" checked={follows} onChange={(event) => setFollows(event.target.checked)} /> Follow
        </label>
        {shown < log.bytes ? <span className="note">The last {shown.toLocaleString()} of {log.bytes.toLocaleString()} bytes.</span> : null}
        <All job={job} leaseId={leaseId} stream={stream} />
      </p>
    </>
  )
}

function All({ job, leaseId, stream }: Pick<StreamProps, 'job' | 'leaseId' | 'stream'>): ReactNode {
  const { marketUrl } = useSession()
  const result = useResult(job.jobId)
  const lease = result.data?.leases.find((one) => one.leaseId === leaseId)
  const entry = lease?.manifest.entries.find(({ path }) => path === `log/${stream}`)
  if (!entry || job.jobSpec.privacy) return null
  return (
    <a href={`${marketUrl}/api/v1/blobs/${entry.digest}`} download={`${stream}.txt`}>
      Download all ({entry.size.toLocaleString()} bytes)
    </a>
  )
}
