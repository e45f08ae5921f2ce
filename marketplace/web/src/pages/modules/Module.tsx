import type { ReactNode } from 'react'
import { Link, useParams } from 'wouter'

import { isName, type Release } from '../../chain/modules'
import { OnChain, type Reached } from '../../chain/OnChain'
import { useRounds } from '../../market/queries'
import { DataTable } from '../../ui/DataTable'
import { LongTable } from '../../ui/LongTable'
import { Section } from '../../ui/Section'
import { Loaded } from '../../ui/states'
import { Hash, Instant, Usdc } from '../../ui/values'
import './modules.css'
import { useMatches, useReleases } from './queries'

/** Rounds that prices are looked for in. */
const LOOKED_AT = 50

/** One name: its versions, who published them, what running it cost, and a way to run it. */
export function ModulePage(): ReactNode {
  const { name } = useParams<{ name: string }>()
  if (!isName(name)) return <p>A module’s name has 3 to 32 characters of a to z and 0 to 9, with single hyphens inside.</p>
  return (
    <>
      <nav className="pager" aria-label="Modules">
        <Link href="/modules">All modules</Link>
      </nav>
      <Section title={`chain://${name}`}>
        <OnChain>{(registry) => <Named key={name} registry={registry} name={name} />}</OnChain>
      </Section>
    </>
  )
}

function Named({ registry, name }: { registry: Reached; name: string }): ReactNode {
  const releases = useReleases(registry, name)
  return (
    <Loaded query={releases} what={`the versions of ${name}`} lines={6}>
      {({ found, isCut }) => (
        <>
          {isCut ? <p className="note">There are more versions than these.</p> : null}
          <Versions name={name} releases={found} />
          <h3>What running it cost</h3>
          <Prices name={name} releases={found} />
        </>
      )}
    </Loaded>
  )
}

function Versions({ name, releases }: { name: string; releases: readonly Release[] }): ReactNode {
  return (
    <DataTable
      caption={`Versions of ${name}, greatest first`}
      rows={releases}
      keyOf={({ version }) => version}
      columns={[
        { name: 'Version', of: ({ version }) => version },
        { name: 'SHA-256', of: ({ digest }) => <Hash value={digest} label="digest" /> },
        { name: 'Publisher', of: ({ publisher }) => <Hash value={publisher} label="publisher's address" /> },
        { name: 'Published', of: ({ publishedAt }) => <Instant at={publishedAt} /> },
        { name: 'Run it', of: ({ version }) => <Link href={`/deploy/${name}/${version}`}>Try {version}</Link> },
        { name: 'Said of it', of: (release) => <Said release={release} />, isText: true },
      ]}
    />
  )
}

/** What its publisher says: text, never a link, since anybody can publish. */
function Said({ release: { isDeprecated, warning, metadataUri, metadataDigest } }: { release: Release }): ReactNode {
  return (
    <>
      {isDeprecated ? <strong>Deprecated: {warning} </strong> : null}
      {metadataUri ? <code>{metadataUri}</code> : null}
      {metadataDigest ? (
        <>
          {' '}
          SHA-256 <Hash value={metadataDigest} label="metadata's digest" />
        </>
      ) : null}
    </>
  )
}

function Prices({ name, releases }: { name: string; releases: readonly Release[] }): ReactNode {
  const rounds = useRounds(LOOKED_AT)
  const { found, looked, isLoading, error } = useMatches(name, releases, rounds.data ?? [])
  const wrong = error ?? (rounds.data ? null : rounds.error)
  if (wrong) return <p role="alert">Past rounds could not be looked through: {wrong.message}</p>
  if (rounds.isPending || isLoading) return <p role="status">Looking through past rounds…</p>
  if (looked === 0) return <p className="empty">There is no round yet that could be looked through, or the newest is too large for that.</p>
  if (found.length === 0) return <p className="empty">In the newest {looked === 1 ? 'round' : `${looked} rounds`} with a match nobody ran one of these versions.</p>
  return (
    <LongTable
      caption={`Matches of ${name} in past rounds, newest first`}
      rows={found}
      keyOf={({ bidHash, askHash }) => bidHash + askHash}
      columns={[
        { name: 'Round', of: ({ round }) => <Link href={`/rounds/${round}`}>{round}</Link>, isNumber: true, chars: 8 },
        { name: 'Cleared', of: ({ clearedAt }) => <Instant at={clearedAt} />, chars: 24 },
        { name: 'Version', of: ({ version }) => version, chars: 12 },
        { name: 'Job', of: ({ bidHash }) => <Link href={`/jobs/${bidHash}`}>{bidHash.slice(0, 10)}…</Link>, chars: 14 },
        { name: 'At most', of: ({ price }) => <Usdc micro={price} />, isNumber: true, chars: 17 },
      ]}
    />
  )
}
