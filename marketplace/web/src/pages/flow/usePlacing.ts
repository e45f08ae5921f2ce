import { useCallback, useEffect, useRef, useState } from 'react'
import type { Hex } from 'viem'

import { useSession, useWallet } from '../../app/context'
import { buildFlow, type FlowBid, type Ready } from '../../flow/bids'
import type { Flow } from '../../flow/model'
import { answerOf } from '../../market/api'
import { Problem } from '../../market/problem'
import type { Config } from '../../market/queries'
import { takeSalts, typedBid } from '../../orders/bid'
import { uploadAll, type Progress } from '../../orders/upload'
import { useSigning } from '../../wallet/useSigning'

/** Where a workflow is on its way to the market. Signatures that were given are kept while others are missing, or the market is
 * away; what it refused must be signed anew. */
export type Placing =
  | { readonly at: 'open' }
  | { readonly at: 'uploading'; readonly progress: Progress }
  | { readonly at: 'review'; readonly bids: readonly FlowBid[]; readonly signatures: readonly Hex[]; readonly isPlacing: boolean; readonly isRefused: boolean }

interface Placer {
  readonly state: Placing
  readonly problem: Error | null
  readonly isAsking: boolean
  readonly begin: (flow: Flow, ready: ReadonlyMap<string, Ready>) => Promise<void>
  /** Ask for every signature that is missing, one after the other, and place what is then whole. */
  readonly sign: () => Promise<void>
  readonly drop: () => void
}

/** What stands for the time that signing and sending one bid takes, in seconds. */
const MOMENT = 5

/** One workflow: upload, review, a signature for each bid, placing all or none. `placed` is told its id. */
export function usePlacing(config: Config, placed: (id: string) => void): Placer {
  const { market, marketUrl, wallet } = useSession()
  const { account } = useWallet()
  const signing = useSigning()
  const [state, setState] = useState<Placing>({ at: 'open' })
  const [problem, setProblem] = useState<Error | null>(null)
  /** Counts what was dropped: whatever went on before that ends at its next step. */
  const run = useRef(0)
  useEffect(() => () => void (run.current += 1), [])

  const begin: Placer['begin'] = async (flow, ready) => {
    if (!account) return
    const mine = (run.current += 1)
    const isDropped = () => run.current !== mine
    setProblem(null)
    try {
      await uploadAll(marketUrl, [...ready.values()].flatMap(({ files }) => files), (progress) => {
        if (!isDropped()) setState({ at: 'uploading', progress })
      })
      const { nextSalt } = await answerOf(market.GET('/api/v1/accounts/{address}', { params: { path: { address: account } } }))
      if (isDropped()) return
      const terms = { renter: account, market: config.market, now: seconds() }
      const count = buildFlow(flow, ready, { ...terms, firstSalt: nextSalt }).length
      const bids = buildFlow(flow, ready, { ...terms, firstSalt: takeSalts(account, nextSalt, count) })
      setState({ at: 'review', bids, signatures: [], isPlacing: false, isRefused: false })
    } catch (thrown) {
      if (isDropped()) return
      setProblem(thrown as Error)
      setState({ at: 'open' })
    }
  }
  const sign = async () => {
    if (state.at !== 'review') return
    const mine = run.current
    const { bids } = state
    setProblem(null)
    const signatures = [...state.signatures]
    for (const { bid } of bids.slice(signatures.length)) {
      const hindrance = hindranceOf(bids, wallet.state().account)
      if (hindrance) return setProblem(new Error(hindrance))
      const signature = await signing.sign(typedBid(bid, config))
      if (!signature || run.current !== mine) return
      signatures.push(signature)
      setState({ ...state, signatures: [...signatures] })
    }
    await place(bids, signatures, mine)
  }
  const place = async (bids: readonly FlowBid[], signatures: readonly Hex[], mine: number) => {
    const review = { at: 'review', bids, signatures } as const
    setState({ ...review, isPlacing: true, isRefused: false })
    try {
      const body = { bids: bids.map(({ bid, spec }, at) => ({ bid, jobSpec: spec, signature: signatures[at]! })) }
      const { workflowId } = await answerOf<{ workflowId: string }>(market.POST('/api/v1/workflows', { body }))
      if (run.current === mine) placed(workflowId)
    } catch (thrown) {
      if (run.current !== mine) return
      const isAway = thrown instanceof Problem && thrown.isAway
      setProblem(thrown as Error)
      setState({ ...review, isPlacing: false, isRefused: !isAway })
    }
  }
  const drop = useCallback(() => {
    run.current += 1
    setProblem(null)
    setState({ at: 'open' })
  }, [])
  return { state, problem: problem ?? signing.problem, isAsking: signing.isAsking, begin, sign, drop }
}

/** Why the next bid is not to be signed now; null for nothing. */
function hindranceOf(bids: readonly FlowBid[], account: string | null): string | null {
  if (bids.some(({ bid }) => bid.renter !== account)) return 'Your wallet shows another account than these bids are of. Go back and review them again; nothing was placed.'
  if (bids.some(({ bid }) => bid.validUntil <= seconds() + MOMENT)) return 'The time of the first bid is over. Go back and review them again; nothing was placed. More “within” leaves more time to sign.'
  return null
}

function seconds(): number {
  return Math.floor(Date.now() / 1000)
}
