import { useMemo, type ReactNode } from 'react'
import { Link } from 'wouter'

import type { Round } from '../../market/queries'
import { MOST_ORDERS, useTranscript } from '../../market/rounds'
import { openBook } from '../../replay/book'
import type { ReadRound } from '../../replay/transcript'
import { Loaded } from '../../ui/states'
import { CurvesOf } from '../rounds/Curves'

/** Supply and demand of the newest round; of a very big one the way to it. */
export default function LastRound({ round }: { round: Round }): ReactNode {
  const isBig = round.bids + round.asks > MOST_ORDERS
  const transcript = useTranscript(isBig ? null : round)
  const link = <Link href={`/rounds/${round.number}`}>Round {round.number}</Link>
  if (isBig) return <p>{link} had {round.bids + round.asks} orders: too many to fetch unasked. Its page draws them.</p>
  return (
    <>
      <p>
        {link}: {round.matched} {round.matched === 1 ? 'lease' : 'leases'} of {round.bids} bids and {round.asks} asks.
      </p>
      <Loaded query={transcript} what="the round's orders" lines={8}>
        {(read) => <Drawn read={read} />}
      </Loaded>
    </>
  )
}

function Drawn({ read }: { read: ReadRound }): ReactNode {
  return <CurvesOf book={useMemo(() => openBook(read), [read])} />
}
