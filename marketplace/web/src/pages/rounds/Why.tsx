import { useEffect, useRef, type ReactNode } from 'react'

import { useExplanation, type Explanation } from '../../market/rounds'
import { Loaded } from '../../ui/states'

interface Props {
  hash: string
  name: string
  round: number
  close: () => void
}

/** Why a bid was served or left out: the market's own explanation, which it recomputes from the transcript. */
export function Why({ hash, name, round, close }: Props): ReactNode {
  const explanation = useExplanation(hash)
  const panel = useRef<HTMLDivElement>(null)
  useEffect(() => panel.current?.focus(), [])
  return (
    <div ref={panel} className="why" role="group" aria-label={`Why: ${name}`} tabIndex={-1}>
      <h3>Why: {name}</h3>
      <Loaded query={explanation} what="the explanation" lines={2}>
        {(found) => <Reasons found={found} round={round} />}
      </Loaded>
      <button type="button" onClick={close}>
        Close
      </button>
    </div>
  )
}

function Reasons({ found, round }: { found: Explanation; round: number }): ReactNode {
  const isOther = found.round !== null && found.round !== round
  const suggestions = found.suggestions as string[]
  return (
    <>
      {isOther ? <p className="note">This is about round {found.round}, the one that decided about the bid in the end.</p> : null}
      <p>{found.reason}</p>
      {found.rentReason ? <p>{found.rentReason}</p> : null}
      {suggestions.length > 0 ? (
        <ul>
          {suggestions.map((one) => (
            <li key={one}>{one}</li>
          ))}
        </ul>
      ) : null}
    </>
  )
}
