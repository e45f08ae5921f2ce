import { lazy, Suspense, type ReactNode } from 'react'

import { useRounds, type Round } from '../market/queries'
import { Section } from '../ui/Section'
import { Loaded } from '../ui/states'
import './dashboard/dashboard.css'
import { Mine } from './dashboard/Mine'
import { Now } from './dashboard/Now'
import { Offers } from './dashboard/Offers'
import { RoundTable } from './rounds/RoundTable'

// Pictures come after the page: they bring the program that draws them.
const PriceHistory = lazy(() => import('./dashboard/PriceHistory'))
const LastRound = lazy(() => import('./dashboard/LastRound'))

/** Rounds that the page looks back, and of these the ones that it lists. */
const LOOKED_AT = 50
const LISTED = 5
const NO_ROUND = 'No round has been cleared yet. The first one comes when a bid and an ask wait.'

/** The market now: what is there, what it costs, what happened, and what is the visitor's. */
export function Dashboard(): ReactNode {
  return (
    <>
      <Now />
      <Offers />
      <Mine />
      <Past />
    </>
  )
}

function Past(): ReactNode {
  return (
    <>
      <Section title="Prices of past rounds">
        <OfRounds lines={10}>
          {(rounds) => (
            <Later room="history-room">
              <PriceHistory rounds={rounds} />
            </Later>
          )}
        </OfRounds>
      </Section>
      <Section title="Supply and demand of the last round">
        <OfRounds lines={10}>
          {([last]) => (
            <Later room="picture-room">
              <LastRound round={last!} />
            </Later>
          )}
        </OfRounds>
      </Section>
      <Section title="Last rounds">
        <OfRounds lines={6}>{(rounds) => <RoundTable rows={rounds.slice(0, LISTED)} />}</OfRounds>
      </Section>
    </>
  )
}

function OfRounds({ lines, children }: { lines: number; children: (rounds: Round[]) => ReactNode }): ReactNode {
  const rounds = useRounds(LOOKED_AT)
  return (
    <Loaded query={rounds} what="the rounds" lines={lines} empty={{ is: (all) => all.length === 0, say: NO_ROUND }}>
      {children}
    </Loaded>
  )
}

/** What is loaded after the page, with its room kept free. */
function Later({ room, children }: { room: string; children: ReactNode }): ReactNode {
  return (
    <div className={room}>
      <Suspense fallback={null}>{children}</Suspense>
    </div>
  )
}
