import { useQuery } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'

import { answerOf } from '../market/api'
import { endedSince } from '../market/ends'
import type { JobRow } from '../market/queries'
import { useSession, useWallet } from './context'

/** How often is asked, in milliseconds: also while another tab is in front, which is when it matters. */
const OFTEN = 15_000
const NEWEST = 100

/** Has the browser tell when a job of whoever is here ends, if that is wanted and allowed. */
export function useNotices(): void {
  const { market, marketUrl, settings } = useSession()
  const { account } = useWallet()
  const isOn = settings.tells && account !== null && mayTell()
  const queryFn = async () => (await answerOf(market.GET('/api/v1/jobs', { params: { query: { renter: account!, limit: NEWEST } } }))).jobs
  const { data } = useQuery({ queryKey: ['notices', marketUrl, account], queryFn, enabled: isOn, refetchInterval: OFTEN, refetchIntervalInBackground: true })
  const before = useRef<ReadonlyMap<string, string> | null>(null)
  useEffect(() => {
    before.current = null
  }, [account, marketUrl])
  useEffect(() => {
    if (!isOn || !data) return
    endedSince(before.current, data).forEach(tell)
    before.current = new Map(data.map(({ jobId, state }) => [jobId, state]))
  }, [data, isOn])
}

/** Whether this browser would show a notice. */
export function mayTell(): boolean {
  return 'Notification' in window && Notification.permission === 'granted'
}

function tell({ jobId, name, state, reason }: JobRow): void {
  const notice = open(`${name || 'A job'}: ${state}`, { body: String(reason || 'Its bill and results are on its page.'), tag: jobId })
  if (!notice) return
  notice.onclick = () => {
    window.focus()
    location.hash = `#/jobs/${jobId}`
    notice.close()
  }
}

/** Null where a browser allows notices and yet shows none to pages, as Android's do. */
function open(title: string, options: NotificationOptions): Notification | null {
  try {
    return new Notification(title, options)
  } catch {
    return null
  }
}
