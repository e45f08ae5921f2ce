import { useState, type ReactNode } from 'react'

import { useSession } from '../../app/context'
import { Loaded } from '../../ui/states'
import { isNamed, type Entry } from '../../protocol/manifest'
import { IMAGE_BYTES, previewOf, type Preview } from './previews'
import { useResult, type Job } from './queries'
import { replicaOf } from './replicas'

/** How many files are listed; a result may have thousands. */
const LISTED = 200

/** The files that the job wrote. */
export function Outputs({ job }: { job: Job }): ReactNode {
  const result = useResult(job.jobId)
  return (
    <section aria-labelledby="outputs">
      <h2 id="outputs">Outputs</h2>
      {job.jobSpec.privacy ? (
        <p>
          This job is private: its files are encrypted, and this page has no key for them. The renter opens them with <code>hive fetch</code>.
        </p>
      ) : (
        <Loaded query={result} what="the result" empty={{ is: (found) => found.leases.length === 0, say: 'There is no result yet.' }}>
          {(found) => found.leases.map((lease) => <Files key={lease.leaseId} title={replicaOf(job, lease.leaseId)} entries={lease.manifest.entries} />)}
        </Loaded>
      )}
    </section>
  )
}

function Files({ title, entries }: { title: string | null; entries: readonly Entry[] }): ReactNode {
  const [most, setMost] = useState(LISTED)
  const files = entries.filter(({ path }) => !path.startsWith('log/'))
  return (
    <>
      {title ? <h3>{title}</h3> : null}
      {files.length === 0 ? <p className="empty">The job wrote no files. What it printed is in its logs.</p> : null}
      <ul className="files">
        {files.slice(0, most).map((entry) => (
          <File key={entry.path} entry={entry} />
        ))}
      </ul>
      {files.length > most ? (
        <button type="button" onClick={() => setMost(most + LISTED)}>
          Show more of {files.length} files
        </button>
      ) : null}
    </>
  )
}

function File({ entry }: { entry: Entry }): ReactNode {
  const { marketUrl } = useSession()
  const [preview, setPreview] = useState<Preview | string | null>(null)
  const url = `${marketUrl}/api/v1/blobs/${entry.digest}`
  const name = entry.path.replace(/^out\//, '')
  const look = async () => {
    setPreview('Loading…')
    setPreview(await load(url, entry).catch((thrown: Error) => `It could not be loaded: ${thrown.message}`))
  }
  return (
    <li>
      <div className="file">
        <code>{name}</code> <span className="note">{entry.size.toLocaleString()} bytes</span>
        {entry.size <= IMAGE_BYTES ? (
          <button type="button" onClick={() => (preview ? setPreview(null) : void look())} aria-expanded={preview !== null}>
            {preview ? 'Hide' : 'Look'}
            <span className="unseen"> at {name}</span>
          </button>
        ) : null}
        <a href={url} download={name.split('/').at(-1)}>
          Download<span className="unseen"> {name}</span>
        </a>
      </div>
      {typeof preview === 'string' ? <p role="status">{preview}</p> : preview ? <Shown name={name} preview={preview} /> : null}
    </li>
  )
}

async function load(url: string, entry: Entry): Promise<Preview> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(60_000) })
  if (!answer.ok) throw new Error(answer.status === 404 ? 'the market does not have it any more.' : `the market answered with status ${answer.status}.`)
  const data = new Uint8Array(await answer.arrayBuffer())
  if (!isNamed(data, entry.digest)) throw new Error('what the market sent is not what was attested.')
  return previewOf(entry.path, data)
}

function Shown({ name, preview }: { name: string; preview: Preview }): ReactNode {
  if (preview.kind === 'bytes') return <p className="note">These bytes are no text and no image that is known. Download them.</p>
  if (preview.kind === 'image') return <img className="preview" src={preview.url} alt={`Output ${name}`} />
  if (preview.kind === 'text')
    return (
      <>
        <pre className="log" tabIndex={0} role="region" aria-label={`Text of ${name}`}>
          {preview.text}
        </pre>
        {preview.isCut ? <p className="note">This is its beginning. Download it for the rest.</p> : null}
      </>
    )
  return (
    <>
      <p className="note">Drawn apart from this page: without scripts, without its own styles, and it loads nothing.</p>
      <iframe className="preview" title={`Page ${name}`} sandbox="" referrerPolicy="no-referrer" srcDoc={preview.document} />
      <details>
        <summary>Its source</summary>
        <pre className="log" tabIndex={0} role="region" aria-label={`Source of ${name}`}>
          {preview.text}
        </pre>
      </details>
    </>
  )
}
