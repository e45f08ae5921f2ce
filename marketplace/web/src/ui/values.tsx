import { useState, type ReactNode } from 'react'

import { formatUsdc, shorten, type Micro } from './amounts'

/** An amount with its unit. */
export function Usdc({ micro }: { micro: Micro }): ReactNode {
  return (
    <span className="number">
      {formatUsdc(micro)} <abbr title="USD Coin">USDC</abbr>
    </span>
  )
}

const LOCAL = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })

/** A moment in Unix seconds: the visitor's time, UTC where one points at it. */
export function Instant({ at }: { at: number }): ReactNode {
  const date = new Date(at * 1000)
  return (
    <time dateTime={date.toISOString()} title={`${date.toISOString().replace('T', ' ').replace('.000Z', '')} UTC`}>
      {LOCAL.format(date)}
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
export function Figure({ label, children, more }: { label: string; children: ReactNode; more?: ReactNode }): ReactNode {
  return (
    <div className="figure">
      <dt>{label}</dt>
      <dd>{children}</dd>
      {more ? <dd className="more">{more}</dd> : null}
    </div>
  )
}
