import type { ReactNode } from 'react'

export type Tone = 'good' | 'bad' | 'busy' | 'still'

const TONES: Readonly<Record<string, Tone>> = {
  paid: 'good',
  done: 'good',
  failed: 'bad',
  fraud: 'bad',
  expired: 'bad',
  refunded: 'bad',
  running: 'busy',
  reserved: 'busy',
  matched: 'busy',
  opening: 'busy',
  attested: 'busy',
  verifying: 'busy',
  settling: 'busy',
}
const SIGNS: Readonly<Record<Tone, string>> = { good: '✓', bad: '✕', busy: '●', still: '○' }

export function toneOf(state: string): Tone {
  return TONES[state] ?? 'still'
}

/** A state in a word, with a sign and a colour that say it too. */
export function StateMark({ state, tone = toneOf(state) }: { state: string; tone?: Tone | undefined }): ReactNode {
  return (
    <span className={`state ${tone}`}>
      <span aria-hidden="true">{SIGNS[tone]}</span> {state}
    </span>
  )
}
