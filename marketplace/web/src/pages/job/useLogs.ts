import { useEffect, useState } from 'react'

import { useSession } from '../../app/context'
import { LogBook, type Begin, type Logs, type Piece } from './logs'

/** How often what came is drawn, in milliseconds: a job that prints a lot must not stop the page. */
const DRAWN = 250

export interface LiveLogs {
  readonly logs: Logs
  /** Why nothing is shown before the end; null where it may be. */
  readonly withheld: string | null
  /** `live` while more may come; `lost` while the stream is away, to which the browser connects again by itself. */
  readonly state: 'live' | 'lost' | 'over'
}

/** What a job prints, as it prints it. */
export function useLogs(id: string): LiveLogs {
  const { marketUrl } = useSession()
  const [shown, setShown] = useState<LiveLogs>({ logs: new Map(), withheld: null, state: 'live' })
  useEffect(() => {
    const source = new EventSource(`${marketUrl}/api/v1/jobs/${id}/logs`)
    const book = new LogBook()
    let timer: ReturnType<typeof setTimeout> | undefined
    let rest: Omit<LiveLogs, 'logs'> = { withheld: null, state: 'live' }
    const draw = (change: Partial<typeof rest> = {}) => {
      rest = { ...rest, ...change }
      timer ??= setTimeout(() => {
        timer = undefined
        setShown({ logs: book.shown(), ...rest })
      }, DRAWN)
    }
    const on = (name: string, take: (data: unknown) => void) =>
      source.addEventListener(name, (event) => take(JSON.parse((event as MessageEvent<string>).data)))
    on('begin', (data) => (book.begin(data as Begin), draw({ state: 'live' })))
    on('log', (data) => (book.add(data as Piece), draw({ state: 'live' })))
    on('attested', (data) => (book.attest((data as Begin).leaseId), draw()))
    on('withheld', (data) => draw({ withheld: (data as { reason: string }).reason }))
    on('end', () => (source.close(), draw({ state: 'over' })))
    source.addEventListener('error', () => draw({ state: 'lost' }))
    return () => (source.close(), clearTimeout(timer))
  }, [id, marketUrl])
  return shown
}
