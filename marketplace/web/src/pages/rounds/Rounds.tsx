import type { ReactNode } from 'react'

import { useRoundPages } from '../../market/rounds'
import { LongTable } from '../../ui/LongTable'
import { Loaded } from '../../ui/states'
import { RoundTable } from './RoundTable'
import './rounds.css'

/** Every round: what it matched, and how near to the best that there was. */
export function Rounds(): ReactNode {
  const pages = useRoundPages()
  const rowsOf = (data: NonNullable<typeof pages.data>) => data.pages.flatMap(({ rounds }) => rounds)
  return (
    <>
      <p className="note">
        Each round takes all bids and asks that wait and finds the leases of greatest surplus: what renters allow beyond what machines
        cost. “Of the best” is the share of what any clearing could have reached, at least.
      </p>
      <Loaded query={pages} what="the rounds" lines={8} empty={{ is: (data) => rowsOf(data).length === 0, say: NO_ROUND }}>
        {(data) => (
          <>
            <RoundTable rows={rowsOf(data)} Table={LongTable} />
            <p className="more-rows">
              {pages.hasNextPage ? (
                <button type="button" disabled={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
                  {pages.isFetchingNextPage ? 'Loading…' : 'Show older rounds'}
                </button>
              ) : (
                <span className="note">These are all.</span>
              )}
            </p>
          </>
        )}
      </Loaded>
    </>
  )
}

const NO_ROUND = 'No round has been cleared yet. The first one comes when a bid and an ask wait.'
