import type { ReactNode } from 'react'
import { useParams } from 'wouter'

import { Loaded } from '../../ui/states'
import { Figure, Hash, Instant, Usdc } from '../../ui/values'
import { Actions } from './Actions'
import { Bill } from './Bill'
import './job.css'
import { LogView } from './LogView'
import { Outputs } from './Outputs'
import { useJob, useLiveJob, type Job } from './queries'
import { Timeline } from './Timeline'
import { Verify } from './Verify'
import { Why } from './Why'

const JOB_ID = /^0x[0-9a-f]{64}$/

/** One job, from its signature to its settlement. */
export function JobPage(): ReactNode {
  const { id = '' } = useParams<{ id: string }>()
  if (!JOB_ID.test(id)) return <p role="alert">A job's id is 0x and 64 small hex digits.</p>
  return <Known key={id} id={id} />
}

function Known({ id }: { id: string }): ReactNode {
  useLiveJob(id)
  const job = useJob(id)
  return (
    <Loaded query={job} what="the job" lines={8}>
      {(found) => (
        <>
          <Summary job={found} />
          <Timeline job={found} />
          <LogView job={found} />
          <Outputs job={found} />
          <Bill job={found} />
          <Why job={found} />
          <Verify job={found} />
        </>
      )}
    </Loaded>
  )
}

function Summary({ job }: { job: Job }): ReactNode {
  return (
    <section aria-labelledby="summary">
      <h2 id="summary" className="name">
        {job.name || 'Without a name'}
      </h2>
      <dl className="figures">
        <Figure label="State" {...(job.reason ? { more: job.reason } : {})}>
          {job.state}
        </Figure>
        <Figure label="At most" more={job.bid.replicas > 1 ? `for each of ${job.bid.replicas} replicas` : 'as you signed'}>
          <Usdc micro={job.bid.maxPrice} />
        </Figure>
        <Figure label="Placed">
          <Instant at={job.createdAt} />
        </Figure>
        <Figure label="To be done by">
          <Instant at={job.bid.deadline} />
        </Figure>
      </dl>
      <dl className="facts">
        <dt>Id</dt>
        <dd>
          <Hash value={job.jobId} label="job id" />
        </dd>
        <dt>Renter</dt>
        <dd>
          <Hash value={job.renter} label="renter's address" />
        </dd>
        <dt>Verified by</dt>
        <dd>{WORDS[job.verification] ?? job.verification}</dd>
      </dl>
      <Actions job={job} />
    </section>
  )
}

const WORDS: Readonly<Record<string, string>> = {
  reexecute: 'oracles that run it again',
  replicate: 'replicas on different machines, which vote',
  accept: "the renter's word, else the dispute window",
  attested: "the hardware's evidence, checked by oracles",
}
