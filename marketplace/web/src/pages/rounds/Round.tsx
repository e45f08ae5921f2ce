import { useMemo, type ReactNode } from 'react'
import { Link, useParams } from 'wouter'

import { useCluster } from '../../market/queries'
import { useRound, useTranscript, type OneRound } from '../../market/rounds'
import type { ReadRound } from '../../replay/transcript'
import { Section } from '../../ui/Section'
import { formatShare } from '../../ui/shares'
import { Loaded } from '../../ui/states'
import { Figure, Hash, Instant, Usdc } from '../../ui/values'
import { Check } from './Check'
import { CurvesOf } from './Curves'
import { Asks, Bids, Matches } from './Orders'
import { viewOf } from './rows'
import './rounds.css'

/** One round: who offered, who wanted, who got what at which price, and how good that was. */
export function RoundPage(): ReactNode {
  const { number } = useParams<{ number: string }>()
  if (!/^[1-9]\d{0,14}$/.test(number)) return <p>Rounds have numbers: 1, 2, 3…</p>
  return <Numbered key={number} number={Number(number)} />
}

function Numbered({ number }: { number: number }): ReactNode {
  const round = useRound(number)
  const newest = useCluster().data?.rounds ?? 0
  return (
    <>
      <nav className="pager" aria-label="Rounds">
        <Link href="/rounds">All rounds</Link>
        {number > 1 && number <= newest + 1 ? <Link href={`/rounds/${number - 1}`}>Round {number - 1}</Link> : null}
        {number < newest ? <Link href={`/rounds/${number + 1}`}>Round {number + 1}</Link> : null}
      </nav>
      <Section title={`Round ${number}`}>
        <Loaded query={round} what={`round ${number}`} lines={4}>
          {(found) => <Outcome round={found} />}
        </Loaded>
      </Section>
      {round.data ? <Orders round={round.data} /> : null}
    </>
  )
}

function Outcome({ round }: { round: OneRound }): ReactNode {
  const gap = BigInt(round.bound) - BigInt(round.surplus)
  return (
    <>
      <dl className="figures">
        <Figure label="Cleared">
          <Instant at={round.clearedAt} />
        </Figure>
        <Figure label="Leases" more={`of ${round.bids} bids and ${round.asks} asks`}>
          {round.matched}
        </Figure>
        <Figure label="Surplus" more="what renters allow beyond what machines cost">
          <Usdc micro={round.surplus} />
        </Figure>
        <Figure label="Of the best" more={gap === 0n ? 'nothing better was possible' : <>a perfect round: <Usdc micro={gap} /> more at most</>}>
          {formatShare(round.surplus, round.bound)}
        </Figure>
        <Figure label="ε" more="the most that anybody would gain elsewhere">
          <Usdc micro={round.epsilon} />
        </Figure>
      </dl>
      <p>
        Transcript <Hash value={round.digest} label="transcript's digest" />
      </p>
    </>
  )
}

function Orders({ round }: { round: OneRound }): ReactNode {
  const transcript = useTranscript(round)
  return (
    <Loaded query={transcript} what="the round's orders" lines={8}>
      {(read) => <Transcribed round={round} read={read} />}
    </Loaded>
  )
}

function Transcribed({ round, read }: { round: OneRound; read: ReadRound }): ReactNode {
  const view = useMemo(() => viewOf(read), [read])
  return (
    <>
      <Section title="Leases">
        <Matches view={view} round={round} />
        <p className="note">A price is what the machine's own rates come to and its scarcity rent, which is zero wherever something stands idle.</p>
      </Section>
      <Section title="Check it yourself">
        <Check claim={{ transcript: read.transcript, digest: round.digest, number: round.number }} />
      </Section>
      <Section title="Supply and demand">
        <CurvesOf book={view.book} />
      </Section>
      <Section title="Bids">
        <Bids view={view} round={round} />
      </Section>
      <Section title="Asks">
        <Asks view={view} />
      </Section>
    </>
  )
}
