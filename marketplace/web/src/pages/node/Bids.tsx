import { useId, useState, type ReactNode } from 'react'
import { Link } from 'wouter'

import { useRounds, type Round } from '../../market/queries'
import { LongTable } from '../../ui/LongTable'
import { Loaded } from '../../ui/states'
import { Usdc } from '../../ui/values'
import { adviceOf, countFates, FATES, type BidView } from './bids'
import './node.css'
import { isLarge, useBidsAt } from './queries'

/** Rounds that can be chosen. */
const LISTED = 20

/** Which bids of a round a machine won and lost, and why. */
export function Bids({ agent }: { agent: string }): ReactNode {
  const rounds = useRounds(LISTED)
  return (
    <Loaded query={rounds} what="the rounds" lines={4} empty={{ is: (all) => all.length === 0, say: 'No round has been cleared yet.' }}>
      {(all) => <Choice agent={agent} rounds={all} />}
    </Loaded>
  )
}

function Choice({ agent, rounds }: { agent: string; rounds: readonly Round[] }): ReactNode {
  const id = useId()
  const [round, setRound] = useState(rounds[0]!) // as it was at first: newer ones come to the list, and leave this table alone
  const [isWanted, setWanted] = useState(false)
  const listed = rounds.some(({ number }) => number === round.number) ? rounds : [...rounds, round]
  const bids = useBidsAt(agent, isWanted && !isLarge(round) ? round : null)
  return (
    <>
      <p className="round">
        <label htmlFor={id}>Round</label>{' '}
        <select id={id} value={round.number} onChange={(event) => setRound(listed.find(({ number }) => number === Number(event.target.value))!)}>
          {listed.map(({ number, bids: count }) => (
            <option key={number} value={number}>
              {number}: {count} {count === 1 ? 'bid' : 'bids'}
            </option>
          ))}
        </select>{' '}
        {isWanted ? null : (
          <button type="button" onClick={() => setWanted(true)}>
            Show its bids
          </button>
        )}{' '}
        <Link href={`/rounds/${round.number}`}>All of it</Link>
      </p>
      {isLarge(round) ? (
        <p className="note">
          This round is too large to be read here: <code>hive provider bids</code> reads it.
        </p>
      ) : isWanted ? (
        <Loaded query={bids} what="its bids" lines={4} empty={{ is: (found) => found === null, say: 'This machine took no part in this round.' }}>
          {(found) => <Seen views={found!} />}
        </Loaded>
      ) : null}
    </>
  )
}

function Seen({ views }: { views: readonly BidView[] }): ReactNode {
  const lower = adviceOf(views).filter(({ bids }) => bids > 0)
  return (
    <>
      <p>{countFates(views).map(([fate, count]) => `${count} ${FATES[fate] ?? fate}`).join(', ')}.</p>
      {lower.length > 0 ? (
        <>
          <p>What lower rates would have won besides, each bid by itself and at this round’s prices:</p>
          <ul>
            {lower.map(({ percent, bids }) => (
              <li key={percent}>
                {percent} % lower: {bids} {bids === 1 ? 'bid' : 'bids'} more
              </li>
            ))}
          </ul>
        </>
      ) : null}
      <LongTable
        caption="Bids as this machine saw them"
        rows={views}
        keyOf={({ bidHash }) => bidHash}
        columns={[
          { name: 'Job', of: ({ bidHash }) => <Link href={`/jobs/${bidHash}`}>{bidHash.slice(0, 10)}…</Link>, chars: 14 },
          { name: 'Outcome', of: ({ fate }) => FATES[fate] ?? fate, chars: 24 },
          { name: 'Allowed', of: ({ maxPrice }) => <Usdc micro={maxPrice} />, isNumber: true, chars: 17 },
          { name: 'Your rates', of: ({ quote }) => (quote === null ? '—' : <Usdc micro={quote} />), isNumber: true, chars: 17 },
          { name: 'Why', of: whyOf, isText: true, chars: 60 },
        ]}
      />
    </>
  )
}

/** The market's words, and of what the machine lacks how much was wanted. */
function whyOf({ reason, constraints }: BidView): string {
  const lacks = (constraints as readonly Lack[]).map(({ name, needed, offered }) => `${name}: ${said(needed)} wanted, ${said(offered)} here`)
  return lacks.length > 0 ? `${lacks.join('; ')}.` : reason
}

interface Lack {
  readonly name: string
  readonly needed: unknown
  readonly offered: unknown
}

function said(value: unknown): string {
  if (Array.isArray(value)) return value.length > 0 ? value.map(said).join(', ') : 'none'
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)
}
