import { useState } from 'react'
import type { Hex } from 'viem'

import { useSession, useWallet } from '../../app/context'
import { buildFlow, type FlowBid, type Ready } from '../../flow/bids'
import type { Flow } from '../../flow/model'
import { answerOf } from '../../market/api'
import type { Config } from '../../market/queries'
import { takeSalts, typedBid } from '../../orders/bid'
import { uploadAll, type Progress } from '../../orders/upload'
import { useSigning } from '../../wallet/useSigning'

/** Where a workflow is on its way to the market. Signatures that were given are kept while others are missing. */
export type Placing =
  | { readonly at: 'open' }
  | { readonly at: 'uploading'; readonly progress: Progress }
  | { readonly at: 'review'; readonly bids: readonly FlowBid[]; readonly signatures: readonly Hex[]; readonly isPlacing: boolean }

interface Placer {
  readonly state: Placing
  readonly problem: Error | null
  readonly isAsking: boolean
  readonly begin: (flow: Flow, ready: ReadonlyMap<string, Ready>) => Promise<void>
  /** Ask for every signature that is missing, one after the other, and place what is then whole. */
  readonly sign: () => Promise<void>
  readonly drop: () => void
}

/** Least time, in seconds, that the first bid still waits for a match when it is signed. */
const LEAST = 60

/** One workflow: upload, review, a signature for each bid, placing all or none. `placed` is told its id. */
export function usePlacing(config: Config, placed: (id: string) => void): Placer {
  const { market, marketUrl } = useSession()
  const { account } = useWallet()
  const signing = useSigning()
  const [state, setState] = useState<Placing>({ at: 'open' })
  const [problem, setProblem] = useState<Error | null>(null)

  const begin: Placer['begin'] = async (flow, ready) => {
    if (!account) return
    setProblem(null)
    try {
      await uploadAll(marketUrl, [...ready.values()].flatMap(({ files }) => files), (progress) => setState({ at: 'uploading', progress }))
      const { nextSalt } = await answerOf(market.GET('/api/v1/accounts/{address}', { params: { path: { address: account } } }))
      const terms = { renter: account, market: config.market, now: seconds() }
      const count = buildFlow(flow, ready, { ...terms, firstSalt: nextSalt }).length
      const bids = buildFlow(flow, ready, { ...terms, firstSalt: takeSalts(account, nextSalt, count) })
      setState({ at: 'review', bids, signatures: [], isPlacing: false })
    } catch (thrown) {
      setProblem(thrown as Error)
      setState({ at: 'open' })
    }
  }
  const sign = async () => {
    if (state.at !== 'review') return
    const { bids } = state
    if (bids.some(({ bid }) => bid.validUntil < seconds() + LEAST || bid.renter !== account)) {
      setProblem(new Error('The time or your account changed since this was written. Go back and review it again; nothing was placed.'))
      return
    }
    setProblem(null)
    const signatures = [...state.signatures]
    for (const { bid } of bids.slice(signatures.length)) {
      const signature = await signing.sign(typedBid(bid, config))
      if (!signature) return
      signatures.push(signature)
      setState({ ...state, signatures: [...signatures] })
    }
    await place(bids, signatures)
  }
  const place = async (bids: readonly FlowBid[], signatures: readonly Hex[]) => {
    setState({ at: 'review', bids, signatures, isPlacing: true })
    try {
      const body = { bids: bids.map(({ bid, spec }, at) => ({ bid, jobSpec: spec, signature: signatures[at]! })) }
      const { workflowId } = await answerOf<{ workflowId: string }>(market.POST('/api/v1/workflows', { body }))
      placed(workflowId)
    } catch (thrown) {
      setProblem(thrown as Error)
      setState({ at: 'review', bids, signatures, isPlacing: false })
    }
  }
  const drop = () => {
    setProblem(null)
    setState({ at: 'open' })
  }
  return { state, problem: problem ?? signing.problem, isAsking: signing.isAsking, begin, sign, drop }
}

function seconds(): number {
  return Math.floor(Date.now() / 1000)
}
