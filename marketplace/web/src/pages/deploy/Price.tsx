import type { ReactNode } from 'react'

import { DataTable } from '../../ui/DataTable'
import { Figure, Usdc } from '../../ui/values'
import type { Priced } from './quotes'

type Offered = Priced['quote']['offers'][number]

/** What it costs now line by line, how often a price was enough, or what stands in the way. */
export function Price({ priced: { quote, advice } }: { priced: Priced }): ReactNode {
  const best = quote.offers.filter((offer) => offer.feasible).sort((one, other) => Number(one.quote.total) - Number(other.quote.total))[0]
  return (
    <>
      <dl className="figures">
        <Figure label="Price now, each replica" more={`${quote.feasible} of ${quote.offers.length} offers fit`}>
          {quote.price === null ? 'None' : <Usdc micro={quote.price} />}
        </Figure>
        <Figure label={`All ${quote.replicas === 1 ? '' : `${quote.replicas} replicas`}`.trim()} more="at the price now">
          {quote.total === null ? 'None' : <Usdc micro={quote.total} />}
        </Figure>
      </dl>
      <p>{chanceOf(advice)}</p>
      {best ? <Lines offer={best} /> : <Against offers={quote.offers} />}
      {advice.relaxations.length > 0 ? (
        <>
          <h3>{best ? 'What would make it cheaper' : 'What would make it fit'}</h3>
          <ul>
            {advice.relaxations.map((one) => (
              <li key={one.says.join()}>
                {one.says.join(', ')}: from <Usdc micro={one.price} />
              </li>
            ))}
          </ul>
        </>
      ) : null}
    </>
  )
}

function Lines({ offer }: { offer: Offered }): ReactNode {
  const lines = [
    ['GPU time', offer.quote.gpu],
    ['vCPU time', offer.quote.vcpu],
    ['Memory', offer.quote.memory],
    ['Instructions', offer.quote.fuel],
    ['Results sent', offer.quote.egress],
    ['Up to the minimum charge', offer.quote.minimumTopup],
    ['Total', offer.quote.total],
  ] as const
  return (
    <DataTable
      caption="The cheapest offer that fits, if all of it is used"
      rows={lines.filter(([name, micro]) => name === 'Total' || micro !== '0')}
      keyOf={([name]) => name}
      columns={[
        { name: 'Of the cheapest offer', of: ([name]) => name },
        { name: 'If all is used', of: ([, micro]) => <Usdc micro={micro} />, isNumber: true },
      ]}
    />
  )
}

function Against({ offers }: { offers: readonly Offered[] }): ReactNode {
  const counts = new Map<string, number>()
  for (const reason of offers.flatMap((offer) => offer.reasons)) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  if (counts.size === 0) return <p>No machine is on offer. A bid may still wait for one.</p>
  return (
    <>
      <p role="status">
        <strong>Nothing on offer fits.</strong> Why:
      </p>
      <ul>
        {[...counts].map(([reason, times]) => (
          <li key={reason}>
            {reason} ({times} {times === 1 ? 'offer' : 'offers'})
          </li>
        ))}
      </ul>
    </>
  )
}

/** As `hive quote` says it; figures come with how many rounds they rest on. */
export function chanceOf({ history, chance }: Pick<Priced['advice'], 'history' | 'chance'>): string {
  const { rounds = 0, servable = 0 } = history as { rounds?: number; servable?: number }
  const found = chance as { filled: number; rounds: number; low: number; high: number } | null
  if (rounds === 0) return 'No round is recorded yet: nothing can be said about chances.'
  if (!found) return `Somebody could have run this in ${servable} of the last ${rounds} rounds.`
  const per = (share: number) => `${Math.round(share * 100)}%`
  return `This price would have been enough in ${found.filled} of the last ${found.rounds} rounds: between ${per(found.low)} and ${per(found.high)} of the time, if rounds go on like that.`
}
