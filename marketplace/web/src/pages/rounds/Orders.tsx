import { useState, type ReactNode } from 'react'

import type { OneRound } from '../../market/rounds'
import type { Column } from '../../ui/DataTable'
import { LongTable } from '../../ui/LongTable'
import { Hash, Instant, Usdc } from '../../ui/values'
import type { Served } from '../../replay/book'
import { machineOfAsk, reservedBy, type AskRow, type BidRow, type RoundView } from './rows'
import { Why } from './Why'

const name = (text: string | undefined) => text || 'unnamed'

/** Leases of the round: `price = quote + rent`. */
export function Matches({ view, round }: { view: RoundView; round: OneRound }): ReactNode {
  const states = new Map(round.matches.map((match) => [match.bidHash + match.askHash, match]))
  const columns: Column<Served>[] = [
    { name: 'Job', of: ({ bid }) => name(bid.jobSpec.name), chars: 16 },
    { name: 'Bid', of: ({ match }) => <Hash value={match.bidHash} label="bid's hash" />, chars: 14 },
    { name: 'Node', of: ({ ask }) => <Hash value={ask.ask.agent} label="node's address" />, chars: 14 },
    { name: 'Region', of: ({ ask }) => ask.profile.region, chars: 12 },
    { name: 'Units', of: ({ match }) => match.units, isNumber: true, chars: 7 },
    { name: 'Quote', of: ({ match }) => <Usdc micro={match.quote} />, isNumber: true, chars: 17 },
    { name: '+ rent', of: ({ match }) => <Usdc micro={match.rent} />, isNumber: true, chars: 17 },
    { name: '= price', of: ({ match }) => <Usdc micro={match.price} />, isNumber: true, chars: 17 },
    { name: 'Allowed', of: ({ bid }) => <Usdc micro={bid.bid.maxPrice} />, isNumber: true, chars: 17 },
    { name: 'Since then', of: ({ match }) => states.get(match.bidHash + match.askHash)?.state ?? '—', chars: 12 },
  ]
  if (view.book.served.length === 0) return <p className="empty">Nobody was matched in this round.</p>
  return <LongTable caption="Leases of this round" rows={view.book.served} keyOf={({ match }) => match.bidHash + match.askHash} columns={columns} />
}

type Side = 'all' | 'served' | 'left out'
const SIDES: readonly Side[] = ['all', 'served', 'left out']

/** All bids; of each one can ask why it was served, or was not. */
export function Bids({ view, round }: { view: RoundView; round: OneRound }): ReactNode {
  const [side, setSide] = useState<Side>('all')
  const [asked, setAsked] = useState<BidRow | null>(null)
  const rows = view.bids.filter(({ leases }) => side === 'all' || leases.length > 0 === (side === 'served'))
  const columns: Column<BidRow>[] = [
    { name: 'Job', of: ({ jobSpec }) => name(jobSpec.name), chars: 16 },
    { name: 'Bid', of: ({ hash }) => <Hash value={hash} label="bid's hash" />, chars: 14 },
    { name: 'Renter', of: ({ bid }) => <Hash value={bid.renter} label="renter's address" />, chars: 14 },
    { name: 'Reserves', of: ({ bid }) => reservedBy(bid), chars: 32 },
    { name: 'Replicas', of: ({ bid }) => bid.replicas, isNumber: true, chars: 9 },
    { name: 'Allowed', of: ({ bid }) => <Usdc micro={bid.maxPrice} />, isNumber: true, chars: 17 },
    { name: 'Outcome', of: (row) => <Outcome row={row} ask={setAsked} />, chars: 32 },
  ]
  if (view.bids.length === 0) return <p className="empty">There was no bid in this round.</p>
  return (
    <>
      <fieldset className="sides">
        <legend>Show</legend>
        {SIDES.map((one) => (
          <label key={one}>
            <input type="radio" name="side" checked={side === one} onChange={() => setSide(one)} /> {one}
          </label>
        ))}
      </fieldset>
      {rows.length === 0 ? <p className="empty">None was {side}.</p> : null}
      {rows.length > 0 ? <LongTable caption="Bids of this round" rows={rows} keyOf={({ hash }) => hash} columns={columns} /> : null}
      {asked ? (
        <Why key={asked.hash} hash={asked.hash} name={name(asked.jobSpec.name)} round={round.number} close={() => setAsked(null)} />
      ) : null}
    </>
  )
}

function Outcome({ row, ask }: { row: BidRow; ask: (row: BidRow) => void }): ReactNode {
  return (
    <>
      {row.leases.length > 0 ? <Paid leases={row.leases} /> : 'left out'}{' '}
      <button type="button" className="quiet" onClick={() => ask(row)}>
        Why?<span className="unseen"> Bid {row.hash.slice(0, 10)}</span>
      </button>
    </>
  )
}

function Paid({ leases }: { leases: readonly Served[] }): ReactNode {
  return (
    <>
      served for <Usdc micro={totalOf(leases)} />
    </>
  )
}

function totalOf(leases: readonly Served[]): bigint {
  return leases.reduce((sum, { match }) => sum + BigInt(match.price), 0n)
}

const ASK_COLUMNS: readonly Column<AskRow>[] = [
  { name: 'Node', of: ({ ask }) => <Hash value={ask.agent} label="node's address" />, chars: 14 },
  { name: 'Provider', of: ({ ask }) => <Hash value={ask.provider} label="provider's address" />, chars: 14 },
  { name: 'Region', of: ({ profile }) => profile.region, chars: 12 },
  { name: 'Machine', of: machineOfAsk, chars: 34 },
  { name: 'Free units', of: ({ ask, freeUnits }) => `${freeUnits} of ${ask.units}`, isNumber: true, chars: 11 },
  { name: 'GPU and hour', of: ({ ask }) => <Usdc micro={ask.gpuHourRate} />, isNumber: true, chars: 15 },
  { name: 'vCPU and hour', of: ({ ask }) => <Usdc micro={ask.vcpuHourRate} />, isNumber: true, chars: 15 },
  { name: 'GB and hour', of: ({ ask }) => <Usdc micro={ask.gbHourRate} />, isNumber: true, chars: 15 },
  { name: 'Leased', of: ({ leases }) => leases.length, isNumber: true, chars: 8 },
  { name: 'Rent of a unit', of: ({ rent }) => <Usdc micro={rent} />, isNumber: true, chars: 17 },
  { name: 'Shadow price', of: ({ shadowPrice }) => (shadowPrice === null ? 'the rent' : <Usdc micro={shadowPrice} />), isNumber: true, chars: 17 },
  { name: 'Stake free', of: ({ availableStake }) => <Usdc micro={availableStake} />, isNumber: true, chars: 17 },
  { name: 'Leases before', of: ({ settledLeases }) => settledLeases, isNumber: true, chars: 13 },
  { name: 'Offered until', of: ({ ask }) => <Instant at={ask.validUntil} />, chars: 24 },
]

/** All asks: rates, rent, and who has a lease there. */
export function Asks({ view }: { view: RoundView }): ReactNode {
  if (view.asks.length === 0) return <p className="empty">Nobody offered a machine in this round.</p>
  return <LongTable caption="Asks of this round" rows={view.asks} keyOf={({ hash }) => hash} columns={ASK_COLUMNS} />
}
