import { useId, useMemo, type ReactNode } from 'react'

import type { Book } from '../../replay/book'
import { formatUsdc } from '../../ui/amounts'
import { LongTable } from '../../ui/LongTable'
import { useWidth } from '../../ui/useWidth'
import { Usdc } from '../../ui/values'
import { corners, curvesOf, extentOf, marksUpTo, total, type Curves, type Step } from './curves'
import './rounds.css'

const HEIGHT = 280
const EDGE = { left: 76, right: 12, top: 12, bottom: 44 }

/** Supply and demand of a round, one picture for GPUs and one for CPUs, each with its table. */
export function CurvesOf({ book }: { book: Book }): ReactNode {
  const all = useMemo(() => curvesOf(book), [book])
  if (all.length === 0) return <p className="empty">There were no orders in this round.</p>
  return (
    <>
      {all.map((curves) => (
        <One key={curves.per} curves={curves} />
      ))}
      <p className="note">
        A picture, not the round's arithmetic: jobs differ, so each bid stands at what it allows for one and an hour, and each free
        machine at what its own rates come to for the round's typical job.
      </p>
    </>
  )
}

function One({ curves }: { curves: Curves }): ReactNode {
  const { per, demand, supply } = curves
  const rows = [...demand.map((step) => ({ ...step, side: 'demand' })), ...supply.map((step) => ({ ...step, side: 'supply' }))]
  return (
    <figure className="curves">
      <figcaption>
        {per}s: {total(demand)} wanted, {total(supply)} free, <Paid micro={curves.paid} />
      </figcaption>
      <Picture curves={curves} />
      <details>
        <summary>As a table</summary>
        <LongTable
          caption={`Supply and demand of ${per}s`}
          rows={rows}
          keyOf={({ side, hash }) => side + hash}
          columns={[
            { name: 'Side', of: ({ side }) => side, chars: 10 },
            { name: 'Job or region', of: ({ label }) => label, chars: 20 },
            { name: `${per}s`, of: ({ amount }) => amount, isNumber: true, chars: 9 },
            { name: `One ${per} and hour`, of: ({ micro }) => <Usdc micro={Math.round(micro)} />, isNumber: true, chars: 20 },
            { name: 'Leased', of: ({ isServed }) => (isServed ? 'yes' : 'no'), chars: 8 },
          ]}
        />
      </details>
    </figure>
  )
}

function Paid({ micro }: { micro: number | null }): ReactNode {
  if (micro === null) return 'none leased'
  return (
    <>
      leased for <Usdc micro={Math.round(micro)} /> an hour each on average
    </>
  )
}

function Picture({ curves }: { curves: Curves }): ReactNode {
  const [frame, width] = useWidth<HTMLDivElement>(600)
  const id = useId()
  const extent = extentOf(curves)
  const [across, up] = [marksUpTo(extent.amount, width < 500 ? 3 : 6).filter(Number.isInteger), marksUpTo(extent.micro)]
  const [most, dearest] = [Math.max(extent.amount, 1), up.at(-1)!]
  const x = (amount: number) => EDGE.left + ((width - EDGE.left - EDGE.right) * Math.min(amount, most)) / most
  const y = (micro: number) => HEIGHT - EDGE.bottom - ((HEIGHT - EDGE.bottom - EDGE.top) * Math.min(micro, dearest)) / dearest
  const point = ([amount, micro]: [number, number]) => `${x(amount).toFixed(1)},${y(micro).toFixed(1)}`
  const path = (steps: readonly Step[]) => corners(steps, most).map(point).join(' ')
  const { per, demand, supply, paid } = curves
  return (
    <div ref={frame} className="picture">
      <svg viewBox={`0 0 ${width} ${HEIGHT}`} height={HEIGHT} role="img" aria-labelledby={id}>
        <title id={id}>{`Supply and demand of ${per}s; the table below has each step`}</title>
        {up.map((mark) => (
          <g key={mark}>
            <line className="grid" x1={EDGE.left} x2={width - EDGE.right} y1={y(mark)} y2={y(mark)} />
            <text x={EDGE.left - 6} y={y(mark) + 4} textAnchor="end">
              {formatUsdc(Math.round(mark))}
            </text>
          </g>
        ))}
        {across.filter((mark) => mark <= most).map((mark) => (
          <text key={mark} x={x(mark)} y={HEIGHT - EDGE.bottom + 18} textAnchor="middle">
            {mark}
          </text>
        ))}
        <text x={(EDGE.left + width - EDGE.right) / 2} y={HEIGHT - 6} textAnchor="middle">
          {per}s
        </text>
        <polyline className="supply" points={path(supply)} />
        <polyline className="demand" points={path(demand)} />
        {paid === null ? null : <line className="paid" x1={EDGE.left} x2={width - EDGE.right} y1={y(paid)} y2={y(paid)} />}
      </svg>
      <Legend per={per} isPaid={paid !== null} isCut={extent.isCut} />
    </div>
  )
}

function Legend({ per, isPaid, isCut }: { per: string; isPaid: boolean; isCut: boolean }): ReactNode {
  const lines = [['demand', 'wanted: what bids allow'], ['supply', 'free: what machines ask'], ...(isPaid ? [['paid', 'what was paid, on average']] : [])]
  return (
    <p className="legend">
      {lines.map(([kind, words]) => (
        <span key={kind}>
          <svg width="28" height="10" aria-hidden="true">
            <line className={kind} x1="0" x2="28" y1="5" y2="5" />
          </svg>{' '}
          {words}
        </span>
      ))}
      <span>USDC for one {per} and an hour.</span>
      {isCut ? <span>What lies far beyond is cut off at the edge.</span> : null}
    </p>
  )
}
