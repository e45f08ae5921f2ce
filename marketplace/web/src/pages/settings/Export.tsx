import { useState, type ReactNode } from 'react'

import { useSession, useWallet } from '../../app/context'
import { answerOf, type Market } from '../../market/api'
import { Section } from '../../ui/Section'
import { csvOf, type Row } from './csv'

type What = 'jobs' | 'leases as renter' | 'leases as provider'
const WHATS: readonly What[] = ['jobs', 'leases as renter', 'leases as provider']
const PAGE = 100

/** One's jobs and leases as files, made in this browser. */
export function Export(): ReactNode {
  const { market } = useSession()
  const { account } = useWallet()
  const [said, setSaid] = useState<string | null>(null)
  if (!account)
    return (
      <Section title="Export">
        <p className="empty">Connect a wallet, or watch an account, to export its jobs and leases.</p>
      </Section>
    )
  const save = async (what: What, kind: 'csv' | 'json') => {
    setSaid(`Fetching ${what}…`)
    try {
      const rows = await fetchAll(market, what, account)
      download(`${what.replaceAll(' ', '-')}.${kind}`, kind === 'csv' ? csvOf(rows) : JSON.stringify(rows, null, 2), kind)
      setSaid(`${rows.length} ${rows.length === 1 ? 'row' : 'rows'} of ${what} saved.`)
    } catch (thrown) {
      setSaid(`Nothing was saved. ${(thrown as Error).message}`)
    }
  }
  return (
    <Section title="Export">
      <p>Amounts are micro-USDC, times are Unix seconds. In CSV, text that a spreadsheet would compute begins with an apostrophe.</p>
      {WHATS.map((what) => (
        <p key={what}>
          Your {what}:{' '}
          <button type="button" onClick={() => void save(what, 'csv')} aria-label={`Your ${what} as CSV`}>
            CSV
          </button>{' '}
          <button type="button" onClick={() => void save(what, 'json')} aria-label={`Your ${what} as JSON`}>
            JSON
          </button>
        </p>
      ))}
      <p role="status">{said}</p>
    </Section>
  )
}

/** Every page of them, newest first. Throws Problem. */
async function fetchAll(market: Market, what: What, account: string): Promise<Row[]> {
  const rows: Row[] = []
  for (let cursor: string | null = null; ; ) {
    const page: { rows: readonly Row[]; next: unknown } = await fetchPage(market, what, account, cursor)
    rows.push(...page.rows)
    if (typeof page.next !== 'string') return rows
    cursor = page.next
  }
}

async function fetchPage(market: Market, what: What, account: string, cursor: string | null): Promise<{ rows: readonly Row[]; next: unknown }> {
  const paged = { limit: PAGE, ...(cursor ? { cursor } : {}) }
  if (what === 'jobs') {
    const found = await answerOf(market.GET('/api/v1/jobs', { params: { query: { renter: account, ...paged } } }))
    return { rows: found.jobs, next: found.nextCursor }
  }
  const side = what === 'leases as renter' ? 'renter' : 'provider'
  const found = await answerOf(market.GET('/api/v1/leases', { params: { query: { [side]: account, ...paged } } }))
  return { rows: found.leases, next: found.nextCursor }
}

function download(name: string, text: string, kind: 'csv' | 'json'): void {
  const url = URL.createObjectURL(new Blob([text], { type: kind === 'csv' ? 'text/csv' : 'application/json' }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 1000)
}
