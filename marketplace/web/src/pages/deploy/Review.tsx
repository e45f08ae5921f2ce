import type { ReactNode } from 'react'

import type { Config } from '../../market/queries'
import { SignatureRequest } from '../../ui/SignatureRequest'
import { Hash, Instant, Usdc } from '../../ui/values'
import { typedBid, type Bid } from '../../orders/bid'
import type { JobSpec } from '../../orders/spec'

interface Props {
  bid: Bid
  spec: JobSpec
  config: Config
}

const CHECKS = ['Oracles run it again and compare', 'Replicas on different providers vote', 'You accept the result yourself', 'Oracles check evidence of the machine']

/** The bid before the wallet opens: what, at most how much, until when, for which contract and chain. */
export function Review({ bid, spec, config }: Props): ReactNode {
  const all = BigInt(bid.maxPrice) * BigInt(bid.replicas)
  const facts = [
    { name: 'Job', value: spec.name },
    { name: 'On', value: needsOf(bid) },
    {
      name: 'At most',
      value: (
        <>
          <Usdc micro={all} />
          {bid.replicas > 1 ? (
            <>
              : <Usdc micro={bid.maxPrice} /> for each of {bid.replicas} replicas
            </>
          ) : null}
        </>
      ),
    },
    { name: 'Waits for a match until', value: <Instant at={bid.validUntil} /> },
    { name: 'Money back, if unfinished, after', value: <Instant at={bid.deadline} /> },
    { name: 'Result', value: CHECKS[bid.verification] },
    { name: 'Matched by', value: <Hash value={bid.market} label="the market's key" /> },
    { name: 'Paid from', value: <Hash value={config.domain.verifyingContract} label="the escrow contract" /> },
    { name: 'Chain', value: String(config.chainId) },
  ]
  const does = 'This lets the market match your job once, at this price or a lower one. Nothing is sent on chain, and it costs no gas.'
  return <SignatureRequest does={does} facts={facts} typed={typedBid(bid, config)} />
}

function needsOf(bid: Bid): string {
  const gpus = bid.gpus > 0 ? `${bid.gpus} GPU, ` : ''
  return `${gpus}${bid.vcpus} vCPU, ${bid.memoryMb.toLocaleString('en')} MB, ${bid.durationSeconds.toLocaleString('en')} s at most`
}
