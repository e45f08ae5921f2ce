import { useEffect, useRef, useState, type ReactNode } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'

import { useSession } from '../app/context'
import './chart.css'
import { useWidth } from './useWidth'

export interface Line {
  readonly name: string
  /** One for each of `xs`; null where there is none. */
  readonly values: readonly (number | null)[]
}

interface Props {
  /** What the picture is, and where its table is. */
  label: string
  xs: readonly number[]
  lines: readonly Line[]
  /** What `xs` count. */
  xName: string
  formatY: (value: number) => string
}

const HEIGHT = 240
/** Lines are told apart by dashes as well as by colour. */
const DASHES: readonly number[][] = [[], [8, 4], [2, 3], [10, 3, 2, 3], [4, 4], [14, 4]]
const COLOURS = DASHES.length

/** Lines over whole numbers, in the page's colours. It comes with uPlot, so pages load it lazily. */
export default function LineChart({ label, xs, lines, xName, formatY }: Props): ReactNode {
  const [frame, width] = useWidth<HTMLDivElement>(0)
  const place = useRef<HTMLDivElement>(null)
  const theme = useTheme()
  useEffect(() => {
    if (width === 0 || !place.current) return
    const inks = inksOf(place.current)
    const chart = new uPlot(optionsOf({ xs, lines, xName, formatY, width, inks }), [[...xs], ...lines.map(({ values }) => [...values])], place.current)
    return () => chart.destroy()
  }, [xs, lines, xName, formatY, width, theme])
  return (
    <div ref={frame}>
      <div ref={place} className="chart" role="img" aria-label={label} />
      <p className="legend">
        {lines.map(({ name }, at) => (
          <span key={name}>
            <svg width="28" height="10" aria-hidden="true">
              <line className={`ink${at % COLOURS}`} x1="0" x2="28" y1="5" y2="5" strokeDasharray={DASHES[at % COLOURS]!.join(' ')} />
            </svg>{' '}
            {name}
          </span>
        ))}
      </p>
    </div>
  )
}

/** Changes whenever the page's colours do: a canvas does not follow them by itself. */
function useTheme(): string {
  const { settings } = useSession()
  const [isDark, setDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches)
  useEffect(() => {
    const dark = matchMedia('(prefers-color-scheme: dark)')
    const follow = () => setDark(dark.matches)
    dark.addEventListener('change', follow)
    return () => dark.removeEventListener('change', follow)
  }, [])
  return `${settings.theme} ${isDark}`
}

interface Inks {
  readonly text: string
  readonly grid: string
  readonly lines: readonly string[]
}

/** Colours as a canvas takes them: style sheets say them in terms that it does not know. */
function inksOf(host: HTMLElement): Inks {
  const probe = document.createElement('i')
  host.append(probe)
  const read = (name: string) => {
    probe.className = name
    return getComputedStyle(probe).color
  }
  const inks = { text: read('ink-text'), grid: read('ink-grid'), lines: DASHES.map((_, at) => read(`ink${at}`)) }
  probe.remove()
  return inks
}

type Drawn = Omit<Props, 'label'> & { width: number; inks: Inks }

function optionsOf({ xs, lines, xName, formatY, width, inks }: Drawn): uPlot.Options {
  const font = '13px system-ui, sans-serif'
  const axis = { stroke: inks.text, font, labelFont: font, grid: { stroke: inks.grid, width: 1 }, ticks: { stroke: inks.grid, width: 1 } }
  const [first, last] = [xs[0] ?? 0, xs.at(-1) ?? 0]
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: false, range: () => [first - 0.5, last + 0.5] },
      y: { range: (_, __, most) => [0, most > 0 ? most * 1.15 : 1] },
    },
    axes: [
      { ...axis, label: xName, labelSize: 22, size: 32, space: 56, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000, 10_000] },
      { ...axis, size: width < 500 ? 68 : 84, values: (_, marks) => marks.map(formatY) },
    ],
    series: [
      {},
      ...lines.map((line, at) => ({
        label: line.name,
        stroke: inks.lines[at % COLOURS]!,
        width: 2,
        dash: DASHES[at % COLOURS]!,
        spanGaps: true,
        points: { show: true, size: 6, fill: inks.lines[at % COLOURS]! },
      })),
    ],
  }
}
