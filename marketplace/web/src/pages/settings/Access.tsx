import { useState, type ReactNode } from 'react'
import type { Address } from 'viem'

import { useSession, useWallet } from '../../app/context'
import { answerOf } from '../../market/api'
import { Section } from '../../ui/Section'
import { Instant } from '../../ui/values'
import { bearer, keepVisit, keptVisit, type Visit } from './access'
import { Keys } from './Keys'
import { SignIn } from './SignIn'
import { Webhooks } from './Webhooks'
import './settings.css'

/** What is an account's own at a market and is not signed each time: its visits, keys and webhooks. */
export function Access(): ReactNode {
  const { marketUrl } = useSession()
  const { account, wallet } = useWallet()
  return (
    <Section title="Keys and webhooks">
      {account && wallet ? (
        <Account key={`${marketUrl} ${account}`} account={account} />
      ) : (
        <p className="empty">Connect a wallet to make keys for programs, and to be told of what happens to your jobs.</p>
      )}
    </Section>
  )
}

function Account({ account }: { account: Address }): ReactNode {
  const { marketUrl } = useSession()
  const [visit, setVisit] = useState(() => keptVisit(marketUrl, account, Date.now() / 1000))
  const keep = (now: Visit | null) => {
    keepVisit(marketUrl, now)
    setVisit(now)
  }
  if (!visit) return <SignIn account={account} done={keep} />
  return (
    <>
      <SignedIn visit={visit} leave={() => keep(null)} />
      <Keys visit={visit} />
      <Webhooks visit={visit} />
    </>
  )
}

function SignedIn({ visit, leave }: { visit: Visit; leave: () => void }): ReactNode {
  const { market } = useSession()
  const end = async () => {
    // A market that cannot be reached forgets it by itself, at the latest when it expires.
    await answerOf(market.DELETE('/api/v1/sessions/{session_id}', { params: { path: { session_id: 'current' } }, ...bearer(visit) })).catch(() => null)
    leave()
  }
  return (
    <p>
      Signed in until <Instant at={visit.expiresAt} />, in this tab.{' '}
      <button type="button" onClick={() => void end()}>
        Sign out
      </button>
    </p>
  )
}
