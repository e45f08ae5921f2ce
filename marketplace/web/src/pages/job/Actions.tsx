import { CancelKind, escrowAbi } from '@computehive/contracts'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useState, type ReactNode } from 'react'
import type { Address, Hex } from 'viem'

import { useSession, useWallet } from '../../app/context'
import { useNode } from '../../chain/node'
import { useTransaction } from '../../chain/useTransaction'
import { answerOf } from '../../market/api'
import { CancelRequest } from '../../market/CancelRequest'
import { useConfig, type Config } from '../../market/queries'
import { TransactionLine } from '../../ui/TransactionState'
import { Instant, Usdc } from '../../ui/values'
import type { Job, Lease } from './queries'

/** What can be done about a job now, by whoever is here. */
export function Actions({ job }: { job: Job }): ReactNode {
  const { account, wallet } = useWallet()
  const config = useConfig()
  const now = useSeconds()
  const isRenter = wallet !== null && account?.toLowerCase() === job.renter.toLowerCase()
  const late = job.leases.some((lease) => lease.outcome === null && lease.claim === null && lease.deadline < now)
  return (
    <>
      {isRenter && config.data && (job.state === 'queued' || job.state === 'reserved') ? <Cancel job={job} config={config.data} /> : null}
      {late ? <Refund job={job} /> : null}
      {job.leases.map((lease) => {
        const claim = lease.claim as ClaimTold | null
        return claim && claim.state !== 'closed' && claim.until > now ? <Claim key={lease.leaseId} lease={lease} claim={claim} isRenter={isRenter} config={config.data} /> : null
      })}
    </>
  )
}

function Cancel({ job, config }: { job: Job; config: Config }): ReactNode {
  const client = useQueryClient()
  const [isOpen, setOpen] = useState(false)
  if (!isOpen)
    return (
      <p>
        <button type="button" onClick={() => setOpen(true)}>
          Cancel the job
        </button>
      </p>
    )
  return (
    <CancelRequest
      cancel={{ signer: job.renter, kind: CancelKind.BID, salt: job.bid.salt }}
      config={config}
      does="This withdraws the bid, if no round has matched it before. It costs nothing."
      facts={[{ name: 'Job', value: job.name }]}
      action="Sign to cancel"
      done={() => client.invalidateQueries({ queryKey: ['job', job.jobId] })}
    />
  )
}

function Refund({ job }: { job: Job }): ReactNode {
  const { market } = useSession()
  const [said, setSaid] = useState<string | null>(null)
  const ask = () =>
    answerOf(market.POST('/api/v1/jobs/{job_id}/refund', { params: { path: { job_id: job.jobId } } })).then(
      () => setSaid('The refund is on its way.'),
      (thrown: Error) => setSaid(thrown.message),
    )
  return (
    <p>
      The deadline is over: what was locked goes back.{' '}
      <button type="button" onClick={() => void ask()}>
        Ask for the refund
      </button>{' '}
      <span role="status">{said}</span>
    </p>
  )
}

/** What the interface says of a claim; its document leaves it open. */
interface ClaimTold {
  readonly state: string
  readonly pay: string
  readonly until: number
  /** The lease's two words. */
  readonly terms: readonly string[]
}

interface ClaimProps {
  lease: Lease
  claim: ClaimTold
  isRenter: boolean
  config: Config | undefined
}

function Claim({ lease, claim, isRenter, config }: ClaimProps): ReactNode {
  const node = useNode()
  const { state, isBusy, send } = useTransaction()
  const isDisputed = claim.state === 'disputed'
  const dispute = () => {
    const [first, second] = claim.terms.map(BigInt)
    const args = [{ leaseId: lease.leaseId as Hex, first: first!, second: second! }]
    void send(node!, config!.chainId, { address: config!.domain.verifyingContract as Address, abi: escrowAbi, functionName: 'dispute', args })
  }
  return (
    <>
      {isDisputed ? (
        <p>
          The provider's claim of <Usdc micro={claim.pay} /> is disputed. Unless oracles decide before <Instant at={claim.until} />, everything goes back to the renter.
        </p>
      ) : (
        <p>
          The provider claims <Usdc micro={claim.pay} />. It is paid unless the renter disputes before <Instant at={claim.until} />. Disputing locks a bond of the renter's, and oracles decide.
        </p>
      )}
      {isRenter && !isDisputed ? (
        <p>
          <button type="button" disabled={isBusy || !node || !config} onClick={dispute}>
            Dispute the claim
          </button>{' '}
          {node ? null : 'No node of the chain is known: choose one in Settings.'}
        </p>
      ) : null}
      <TransactionLine state={state} />
    </>
  )
}

/** Unix seconds now, every ten seconds. */
function useSeconds(): number {
  const [now, setNow] = useState(() => Date.now() / 1000)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now() / 1000), 10_000)
    return () => clearInterval(timer)
  }, [])
  return now
}
