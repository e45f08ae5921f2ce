import { useState } from 'react'

import { useSession, useWallet } from '../../app/context'
import { answerOf } from '../../market/api'
import type { Config } from '../../market/queries'
import { useSigning } from '../../wallet/useSigning'
import { buildBid, takeSalt, typedBid, type Bid, type Resources } from '../../orders/bid'
import type { Blob256, JobSpec } from '../../orders/spec'
import { uploadAll, type Progress } from '../../orders/upload'

/** What is to be ordered, complete. */
export interface Order {
  readonly spec: JobSpec
  readonly files: readonly Blob256[]
  readonly resources: Resources
  readonly maxPrice: bigint
  readonly replicas: number
}

/** Where an order is. A signed bid that was not placed is kept: placing the same one again is one job. */
export type OrderState =
  | { readonly at: 'open' }
  | { readonly at: 'uploading'; readonly progress: Progress }
  | { readonly at: 'review'; readonly bid: Bid; readonly spec: JobSpec }
  | { readonly at: 'signed'; readonly bid: Bid; readonly spec: JobSpec; readonly signature: string; readonly isPlacing: boolean }

/** Least time, in seconds, that a bid still waits for a match when it is signed. */
const LEAST = 60

interface Ordering {
  readonly state: OrderState
  readonly problem: Error | null
  readonly isAsking: boolean
  readonly begin: (order: Order) => Promise<void>
  readonly sign: () => Promise<void>
  readonly place: () => Promise<void>
  readonly drop: () => void
}

/** One order: upload, review, signature, placing. `placed` is told of its job. */
export function useOrder(config: Config, placed: (jobId: string) => void): Ordering {
  const { market, marketUrl } = useSession()
  const { account } = useWallet()
  const signing = useSigning()
  const [state, setState] = useState<OrderState>({ at: 'open' })
  const [problem, setProblem] = useState<Error | null>(null)

  const begin = async ({ spec, files, ...terms }: Order) => {
    if (!account) return
    setProblem(null)
    try {
      await uploadAll(marketUrl, files, (progress) => setState({ at: 'uploading', progress }))
      const { nextSalt } = await answerOf(market.GET('/api/v1/accounts/{address}', { params: { path: { address: account } } }))
      const salt = takeSalt(account, nextSalt)
      setState({ at: 'review', spec, bid: buildBid({ renter: account, market: config.market, spec, salt, now: seconds(), ...terms }) })
    } catch (thrown) {
      setProblem(thrown as Error)
      setState({ at: 'open' })
    }
  }
  const submit = async (bid: Bid, spec: JobSpec, signature: string) => {
    setProblem(null)
    setState({ at: 'signed', bid, spec, signature, isPlacing: true })
    try {
      const { jobId } = await answerOf(market.POST('/api/v1/jobs/submit', { body: { bid, signature, jobSpec: spec, now: false } }))
      placed(jobId)
    } catch (thrown) {
      setProblem(thrown as Error)
      setState({ at: 'signed', bid, spec, signature, isPlacing: false })
    }
  }
  const sign = async () => {
    if (state.at !== 'review') return
    const { bid, spec } = state
    const isStale = bid.validUntil < seconds() + LEAST || bid.renter !== account
    if (isStale) {
      setProblem(new Error('The time or your account changed since this was written. Go back and review it again; nothing was signed.'))
      return
    }
    setProblem(null)
    const signature = await signing.sign(typedBid(bid, config))
    if (signature) await submit(bid, spec, signature)
  }
  const place = async () => {
    if (state.at === 'signed') await submit(state.bid, state.spec, state.signature)
  }
  const drop = () => {
    setProblem(null)
    setState({ at: 'open' })
  }
  return { state, problem: problem ?? signing.problem, isAsking: signing.isAsking, begin, sign, place, drop }
}

function seconds(): number {
  return Math.floor(Date.now() / 1000)
}
