import { useState, type ReactNode } from 'react'

import { formatUsdc, shorten, type Micro } from './amounts'
import { rateOf, useUnits } from './units'

/** An amount with its unit. */
export function Usdc({ micro }: { micro: Micro }): ReactNode {
  return (
    <span className="number">
      {formatUsdc(micro)} <abbr title="USD Coin">USDC</abbr>
    </span>
  )
}

/** What is paid for an hour, over the time that the visitor chose. */
export function Rate({ microAnHour }: { microAnHour: Micro }): ReactNode {
  return <Usdc micro={rateOf(microAnHour, useUnits())} />
}

/** What a rate counts, such as `GPU and hour`. */
export function Per({ what }: { what: string }): ReactNode {
  return `${what} and ${useUnits().per}`
}

const LOCAL = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })

/** A moment in Unix seconds: the visitor's time, UTC where one points at it; the other way round for who chose UTC. */
export function Instant({ at }: { at: number }): ReactNode {
  const { clock } = useUnits()
  const date = new Date(at * 1000)
  const [local, utc] = [LOCAL.format(date), `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`]
  return (
    <time dateTime={date.toISOString()} title={clock === 'UTC' ? local : utc}>
      {clock === 'UTC' ? utc : local}
    </time>
  )
}

/** An address or hash, shortened to the eye, whole to the clipboard. */
export function Hash({ value, label }: { value: string; label: string }): ReactNode {
  const [isCopied, setCopied] = useState(false)
  const copy = async () => {
    await navigator.clipboard.writeText(value)
    setCopied(true)
    setTimeout(() => setCopied(false), 1500)
  }
  return (
    <button type="button" className="hash" title={`${value}\nCopy`} onClick={() => void copy()}>
      {shorten(value)}
      <span className="unseen">: copy {label}</span>
      <span role="status">{isCopied ? ' copied' : ''}</span>
    </button>
  )
}

/** One figure with what it counts. */
export function Figure({ label, children, more }: { label: ReactNode; children: ReactNode; more?: ReactNode }): ReactNode {
  return (
    <div className="figure">
      <dt>{label}</dt>
      <dd>{children}</dd>
      {more ? <dd className="more">{more}</dd> : null}
    </div>
  )
}
